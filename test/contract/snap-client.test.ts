import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PAY_PAGE_MINUTES } from "../../src/gateway/gateway.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import { freshDatabase, type TestDatabase } from "../support/db.ts";
import { CASES } from "./client-cases.ts";
import {
  bindingOrder,
  cannedStage,
  checkHeard,
  inquiry,
  PHONE,
  payment,
  payPage,
  refund,
  type Stage,
  simulatorStage,
  URLS,
  type Url,
} from "./client-stages.ts";

// One database for all: each test has a gateway of its own address, and a token of another address is never used.
let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const cases = CASES.map((one) => [one.name, one] as const);

describe("against exchanges written by hand", () => {
  test.each(cases)("%s", async (_name, { canned, act, expected }) => {
    const stage = await cannedStage(db, canned);
    expect(await act(stage)).toMatchObject(expected);
    for (const heard of stage.heard) checkHeard(heard);
    expect(stage.heard.length).toBeGreaterThan(0);
  });
});

describe("against the simulator", () => {
  test.each(cases)("%s", async (_name, { simulated, act, expected }) => {
    const stage = await simulatorStage(db, simulated);
    expect(await act(stage)).toMatchObject(expected);
  });
});

const TOKEN_CALL = ["content-type", "x-client-key", "x-signature", "x-timestamp"];
const CALL = ["authorization", "content-type", "x-external-id", "x-partner-id", "x-signature", "x-timestamp"];
const WITH_CUSTOMER = [...CALL, "authorization-customer"].sort();
/** The table of section 2.2, without what is optional there: what we do not need, we do not send. */
const HEADERS: readonly (readonly [
  name: string,
  url: Url,
  act: (stage: Stage) => Promise<unknown>,
  headers: string[],
])[] = [
  ["B2B token", "token", ({ gateway }) => gateway.renewOwnToken(), TOKEN_CALL],
  ["customer token", "customerToken", ({ gateway }) => gateway.exchange({ authCode: "A" }), TOKEN_CALL],
  ["binding", "binding", ({ gateway }) => gateway.startBinding(bindingOrder(gateway)), CALL],
  ["balance", "balance", ({ gateway }) => gateway.balance("CT"), WITH_CUSTOMER],
  ["payment", "payment", (stage) => stage.gateway.pay(payment(stage)), WITH_CUSTOMER],
  ["page without a link", "payment", (stage) => stage.gateway.startPayPage(payPage(stage)), CALL],
  ["page with a link", "payment", (stage) => stage.gateway.startPayPage(payPage(stage, "CT")), WITH_CUSTOMER],
  ["status", "status", ({ gateway }) => gateway.inquire(inquiry()), CALL],
  ["refund after an unlink", "refund", (stage) => stage.gateway.refund(refund(stage)), CALL],
  [
    "refund with a link",
    "refund",
    (stage) => stage.gateway.refund({ ...refund(stage), customerToken: "CT" }),
    WITH_CUSTOMER,
  ],
  ["unbinding", "unbinding", ({ gateway }) => gateway.unbind("CT"), CALL],
];

test.each(HEADERS)("%s: the headers of its row and no other", async (_name, url, act, headers) => {
  const stage = await cannedStage(db, {});
  await act(stage);
  const heard = stage.heard.filter(({ path }) => path === URLS[url]);
  expect(heard).toHaveLength(1);
  for (const one of heard) {
    checkHeard(one);
    const carried = Object.keys(one.headers).filter(
      (name) => !["host", "connection", "content-length"].includes(name),
    );
    expect(carried.sort()).toEqual(headers);
    if (headers === WITH_CUSTOMER)
      expect(one.headers["authorization-customer"]).toMatch(/^Bearer (CT|customer-token-1)$/);
  }
});

describe("a page to pay on", () => {
  type Page = { readonly sim: Simulator; readonly url: string; readonly fate: () => Promise<unknown> };
  async function openPage(): Promise<Page> {
    const sims: Simulator[] = [];
    const stage = await simulatorStage(db, (sim) => void sims.push(sim));
    const [sim] = sims;
    const { redirectUrl } = await stage.gateway.startPayPage(payPage(stage));
    if (sim === undefined || redirectUrl === null) throw new Error("no page was opened");
    const fate = async () => (await stage.gateway.inquire(inquiry("SALE-1"))).verdict;
    return { sim, url: redirectUrl, fate };
  }
  const press = (url: string, action: string) =>
    fetch(url, { method: "POST", body: new URLSearchParams({ action, phone: PHONE }), redirect: "manual" });

  test("is pending until somebody confirms it, and then paid once", async () => {
    const { sim, url, fate } = await openPage();
    expect(await fate()).toMatchObject({ kind: "pending" });
    const back = await press(url, "confirm");
    expect(back.headers.get("location")).toBe("https://shop.example/return/paid");
    await press(url, "confirm");
    expect(await fate()).toMatchObject({ kind: "paid", amount: 25_000 });
    expect(sim.ledger()).toHaveLength(1);
  });

  test("that is canceled is a decline by inquiry", async () => {
    const { sim, url, fate } = await openPage();
    const back = await press(url, "cancel");
    expect(back.headers.get("location")).toBe("https://shop.example/return/failed");
    expect(await fate()).toMatchObject({ kind: "declined", declineClass: "risk", code: "4045404" });
    expect(sim.ledger()).toEqual([]);
  });

  test("can be confirmed for its minutes and not for one more", async () => {
    const { sim, url, fate } = await openPage();
    await sim.advanceClock(`${PAY_PAGE_MINUTES * 60 - 1}s`);
    expect(await fate()).toMatchObject({ kind: "pending" });
    await sim.advanceClock("1s");
    await press(url, "confirm");
    expect(await fate()).toMatchObject({ kind: "declined", declineClass: "unclassified", code: "4035400" });
    expect(sim.ledger()).toEqual([]);
  });
});
