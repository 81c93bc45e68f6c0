import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SimulatorOptions } from "../../src/simulator/simulator.ts";
import { bindBody, CLIENT_ID, money, PATHS, PHONE, refundBody, startAll } from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;
let token: string;

const REFUNDS = { partial: true, windowDays: 40, code: "2000700" };

async function restart(options: SimulatorOptions = {}): Promise<void> {
  await house?.stop();
  house = await startAll(options);
  token = (await house.link()).customerToken;
}

beforeEach(() => restart({ refunds: REFUNDS }));
afterEach(() => house.stop());

const refund = (reference: string, amount: number, refundNo: string) =>
  house.client.call(PATHS.refund, refundBody(reference, amount, refundNo), null);
const wallet = async () => (await house.control("GET", `wallets/${PHONE}`)).json;

describe("a wallet's month", () => {
  test("takes 40 000 000 in a Premier wallet, counted by the Jakarta month", async () => {
    for (const _ of [1, 2]) {
      house.sim.changeWallet(PHONE, { balance: 0, add: 20_000_000 });
    }
    house.sim.changeWallet(PHONE, { balance: 0 });
    expect(() => house.sim.changeWallet(PHONE, { add: 1 })).toThrow("at most 40000000 a month");
    expect(await wallet()).toMatchObject({ balance: 0, incoming_this_month: 40_000_000 });
    // 2026-03-31 17:00 in UTC is midnight in Jakarta.
    await house.sim.setClock(house.sim.now().set({ month: 3, day: 31, hour: 16, minute: 59 }));
    expect(() => house.sim.changeWallet(PHONE, { add: 1 })).toThrow("a month");
    await house.sim.advanceClock("1m");
    house.sim.changeWallet(PHONE, { add: 1 });
    expect(await wallet()).toMatchObject({ balance: 1, incoming_this_month: 1 });
  });

  test("takes 20 000 000 in a Club wallet, which never holds more than 2 000 000", async () => {
    house.sim.changeWallet(PHONE, { balance: 0, tier: "club" });
    expect(() => house.sim.changeWallet(PHONE, { add: 2_000_001 })).toThrow("holds at most 2000000");
    for (let times = 0; times < 10; times += 1) house.sim.changeWallet(PHONE, { balance: 0, add: 2_000_000 });
    house.sim.changeWallet(PHONE, { balance: 0 });
    expect(() => house.sim.changeWallet(PHONE, { add: 1 })).toThrow("at most 20000000 a month");
  });

  test("is not touched by money that leaves, and counts what is given back", async () => {
    await house.client.pay("REF-1", token);
    expect(await wallet()).toMatchObject({ incoming_this_month: 0 });
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("2000700");
    expect(await wallet()).toMatchObject({ balance: 150_000, incoming_this_month: 25_000 });
  });

  test("refuses a refund for which the wallet has no room", async () => {
    await house.client.pay("REF-1", token);
    house.sim.changeWallet(PHONE, { balance: 20_000_000 });
    const refused = await refund("REF-1", 25_000, "R-1");
    expect([refused.code, refused.json.responseMessage]).toEqual([
      "4035802",
      "Exceeds Transaction Amount Limit. a premier wallet holds at most 20000000",
    ]);
    house.sim.changeWallet(PHONE, { balance: 0 });
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("2000700");
  });
});

describe("refunds", () => {
  test("stop at the merchant's daily limit and go on the next Jakarta day", async () => {
    await restart({ refunds: { ...REFUNDS, dailyLimit: 30_000 } });
    await house.client.pay("REF-1", token, 60_000);
    expect((await refund("REF-1", 30_000, "R-1")).code).toBe("2000700");
    expect((await refund("REF-1", 1_000, "R-2")).code).toBe("4035820");
    await house.sim.advanceClock("15h");
    await house.client.gateway();
    expect((await refund("REF-1", 30_000, "R-2")).code).toBe("2000700");
  });

  test("in progress move no money for a minute, hold their number, and then are done once", async () => {
    await house.client.pay("REF-1", token);
    house.sim.script({ match: { path: PATHS.refund }, outcome: "2025800" });
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("2025800");
    expect(house.sim.wallet(PHONE)?.balance).toBe(125_000);
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("4095801");
    expect((await refund("REF-1", 1, "R-2")).code).toBe("4045813");
    const asked = (await house.client.ask("REF-1")).json;
    expect(asked).toMatchObject({ latestTransactionStatus: "00", refundHistory: [{ refundStatus: "03" }] });
    await house.sim.advanceClock("60s");
    expect(house.sim.wallet(PHONE)?.balance).toBe(150_000);
    expect((await house.client.ask("REF-1")).json).toMatchObject({
      latestTransactionStatus: "04",
      refundHistory: [{ refundStatus: "00", partnerReferenceNo: "R-1" }],
    });
  });

  test("of a closed wallet are refused", async () => {
    await house.client.pay("REF-1", token);
    house.sim.changeWallet(PHONE, { closed: true });
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("4045811");
  });

  test("of the whole are told with status 04 where the simulator is started so, and never else", async () => {
    const statuses = () =>
      house.merchant.deliveries.map((one) => one.body.latestTransactionStatus).filter(Boolean);
    await house.client.pay("REF-1", token);
    await refund("REF-1", 25_000, "R-1");
    await house.quiet();
    expect(statuses()).toEqual(["00"]);
    await restart({ refunds: { ...REFUNDS, notice: "status-04" } });
    await house.client.pay("REF-1", token);
    await refund("REF-1", 10_000, "R-1");
    await refund("REF-1", 15_000, "R-2");
    await house.quiet();
    expect(statuses()).toEqual(["00", "04"]);
  });

  test("may be lost, cut off or answered twice by script, and still give back once", async () => {
    await house.client.pay("REF-1", token, 40_000);
    for (const [index, outcome] of ["500-after-commit", "504-after-commit", "truncated-json"].entries()) {
      house.sim.script({ match: { path: PATHS.refund }, outcome });
      await refund("REF-1", 10_000, `R-${index}`);
      expect((await refund("REF-1", 10_000, `R-${index}`)).code).toBe("4095801");
    }
    expect(house.sim.ledger().map(({ kind, amount }) => [kind, amount])).toEqual([
      ["payment", -40_000],
      ["refund", 10_000],
      ["refund", 10_000],
      ["refund", 10_000],
    ]);
  });
});

test("a refresh token is good for a year", async () => {
  const first = await house.client.token(PATHS.customerToken, {
    grantType: "authorization_code",
    authCode: house.sim.notifications()[0]?.reference,
  });
  const again = () =>
    house.client.token(PATHS.customerToken, {
      grantType: "refresh_token",
      refreshToken: first.json.refreshToken,
    });
  expect((await again()).code).toBe("2007400");
  await house.sim.advanceClock("365d");
  expect((await again()).code).toBe("4017400");
});

describe("switched off", () => {
  test("the gateway hangs up on every call and does nothing, until it is on again", async () => {
    expect((await house.control("POST", "switches", { gateway: false })).json).toEqual({
      gateway: false,
      merchant: true,
    });
    await expect(house.client.pay("REF-1", token)).rejects.toThrow();
    await expect(house.client.gateway()).rejects.toThrow();
    house.sim.switches({ gateway: true });
    expect((await house.client.ask("REF-1")).code).toBe("4045501");
    expect((await house.client.pay("REF-1", token)).code).toBe("2005400");
  });

  test("the merchant's endpoint misses every retry of 13 hours, and a resend by hand reaches it", async () => {
    await house.quiet();
    house.merchant.deliveries.length = 0;
    await house.control("POST", "switches", { merchant: false });
    await house.client.pay("REF-1", token);
    await house.sim.advanceClock("13h");
    const [missed] = house.sim.notifications().filter(({ kind }) => kind === "payment");
    expect(missed).toMatchObject({ state: "given_up", clientId: CLIENT_ID });
    expect(missed?.attempts.map(({ at, httpStatus }) => [at, httpStatus])).toEqual([
      ["2026-03-02T02:00:00.000Z", null],
      ["2026-03-02T02:30:00.000Z", null],
      ["2026-03-02T08:00:00.000Z", null],
      ["2026-03-02T14:00:00.000Z", null],
    ]);
    expect(house.merchant.deliveries).toEqual([]);
    house.sim.switches({ merchant: true });
    await house.sim.resend(missed?.id ?? "");
    expect(house.merchant.deliveries).toMatchObject([{ body: { originalPartnerReferenceNo: "REF-1" } }]);
    expect((await house.control("GET", "switches")).json).toEqual({ gateway: true, merchant: true });
  });

  test("for an hour, the merchant is reached by the retry after six", async () => {
    await house.quiet();
    house.merchant.deliveries.length = 0;
    house.sim.switches({ merchant: false });
    await house.client.pay("REF-1", token);
    await house.sim.advanceClock("1h");
    house.sim.switches({ merchant: true });
    await house.sim.advanceClock("5h");
    expect(house.merchant.deliveries).toMatchObject([{ body: { amount: money(25_000) } }]);
  });
});

test("scripts in wait are listed with the uses they have left, and can be taken away", async () => {
  await house.control("POST", "script", { match: { phone: PHONE }, outcome: "4035414", times: 2 });
  expect((await house.client.pay("REF-1", token)).code).toBe("4035414");
  expect((await house.control("GET", "script")).json).toEqual([
    { match: { phone: PHONE }, outcome: "4035414", times_left: 1 },
  ]);
  expect((await house.control("DELETE", "script")).json).toEqual([]);
  expect((await house.client.pay("REF-2", token)).code).toBe("2005400");
  expect((await house.control("GET", "wallets/6281300000009")).http).toBe(404);
  expect((await house.control("POST", "switches", { gateway: "off" })).http).toBe(400);
});

test("a page of OTP and PIN can be left to expire by a person", async () => {
  house.sim.addWallet({ phone: "6281300000001", balance: 0 });
  const { json } = await house.client.call(PATHS.bind, bindBody("6281300000001", "cust-9"), null);
  expect(await (await fetch(json.redirectUrl)).text()).toContain("Let it expire");
  const body = new URLSearchParams({ action: "expired" });
  const pressed = await fetch(json.redirectUrl, { method: "POST", body, redirect: "manual" });
  expect(pressed.headers.get("location")).toBe("https://merchant.example/ko");
  expect((await house.client.exchange(json.additionalInfo.authCode)).code).toBe("4017400");
  expect(await (await fetch(json.redirectUrl)).text()).toContain("the link is expired");
});
