import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bindBody, externalId, money, PATHS, PHONE, startAll } from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;
let token: string;

beforeEach(async () => {
  house = await startAll();
  token = (await house.link()).customerToken;
  await house.quiet();
  house.merchant.deliveries.length = 0;
});
afterEach(() => house.stop());

const script = (outcome: string, match = {}, times?: number) => house.sim.script({ match, outcome, times });
const pay = (reference = "REF-1") => house.client.pay(reference, token);
const latest = async (reference = "REF-1") => {
  const { json } = await house.client.ask(reference);
  return json.latestTransactionStatus ?? json.responseCode;
};
const statuses = () => house.merchant.deliveries.map((delivery) => delivery.body.latestTransactionStatus);

describe("money is taken although the answer", () => {
  test.each(["timeout-after-commit", "reset-after-commit"])("never comes (%s)", async (outcome) => {
    script(outcome);
    const cut = new AbortController();
    const sent = house.client.pay("REF-1", token, 25_000, { signal: cut.signal });
    const refused = expect(sent).rejects.toThrow();
    await expect.poll(() => house.sim.ledger().length).toBe(1);
    if (outcome.startsWith("timeout")) cut.abort();
    await refused;
    expect(await latest()).toBe("00");
    await house.quiet();
    expect(statuses()).toEqual(["00"]);
  });

  test.each([
    ["500-after-commit", 500, "5005400"],
    ["504-after-commit", 504, "5045400"],
    ["502-html-after-commit", 502, ""],
    ["409-replay", 409, "2005400"],
  ])("is %s", async (outcome, http, code) => {
    script(outcome);
    const reply = await pay();
    expect([reply.http, reply.code]).toEqual([http, code]);
    expect(await latest()).toBe("00");
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("is cut off in the middle", async () => {
    script("truncated-json");
    const reply = await pay();
    expect([reply.http, reply.json]).toEqual([200, null]);
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("says two things at once", async () => {
    script("duplicate-keys");
    const reply = await pay();
    expect(reply.text.match(/"responseCode":"\d+"/g)).toEqual([
      '"responseCode":"5005400"',
      '"responseCode":"2005400"',
    ]);
  });

  test("is slow", async () => {
    script("slow:150");
    const begun = performance.now();
    const paying = pay();
    await expect.poll(() => house.sim.ledger().length).toBe(1);
    expect(house.sim.busy()).toBe(true);
    await paying;
    expect(performance.now() - begun).toBeGreaterThan(140);
    await house.quiet();
    expect(house.sim.busy()).toBe(false);
  });
});

describe("nothing is taken when the request is lost on the way in", () => {
  test.each(["timeout-before-commit", "reset-before-commit"])("%s", async (outcome) => {
    script(outcome);
    const cut = new AbortController();
    const headers = { "x-external-id": externalId() };
    const sent = house.client.pay("REF-1", token, 25_000, { headers, signal: cut.signal });
    const refused = expect(sent).rejects.toThrow();
    await expect.poll(() => house.sim.requests().at(-1)?.reference).toBe("REF-1");
    cut.abort();
    await refused;
    expect(await latest()).toBe("4045501");
    expect(house.sim.ledger()).toEqual([]);
    // The same call again, id and all, is the first the gateway sees.
    const again = await house.client.pay("REF-1", token, 25_000, { headers });
    expect([again.http, again.code]).toEqual([200, "2005400"]);
  });
});

describe("a scripted code", () => {
  test("is answered as it is, takes nothing, and a wallet's refusal stays under the reference", async () => {
    script("4035405", { phone: PHONE });
    const reply = await pay();
    expect([reply.http, reply.code, reply.json.responseMessage]).toEqual([403, "4035405", "Do Not Honor"]);
    expect(await latest()).toBe("06");
    expect((await pay()).code).toBe("4095401");
    expect(house.sim.ledger()).toEqual([]);
  });

  test.each(["5005400", "5045401", "4295400", "4045418", "4005401"])("%s leaves no record", async (code) => {
    script(code);
    expect((await pay()).code).toBe(code);
    expect(await latest()).toBe("4045501");
    expect((await pay()).code).toBe("2005400");
  });

  test("meets its own service only", async () => {
    script("4030715:OVO account blocked temporary");
    expect((await pay()).code).toBe("2005400");
    house.sim.addWallet({ phone: "6281300000001", balance: 0 });
    const reply = await house.client.call(PATHS.bind, bindBody("6281300000001", "cust-2"), null);
    expect(reply.json.responseMessage).toBe("Transaction Not Permitted. OVO account blocked temporary");
  });

  test("meets any service on its path", async () => {
    script("4017300", { path: "/access-token/b2b" });
    const ask = () => house.client.token(PATHS.gatewayToken, { grantType: "client_credentials" });
    expect((await ask()).code).toBe("4017300");
    expect((await ask()).code).toBe("2007300");
  });
});

describe("a script", () => {
  test("is used as often as it says, and only by what it matches", async () => {
    script("4035406", { reference: "REF-2" }, 1);
    script("4035405", { amount: 25_000 }, 2);
    const codes = [];
    for (const reference of ["REF-1", "REF-2", "REF-3", "REF-4"]) codes.push((await pay(reference)).code);
    expect(codes).toEqual(["4035405", "4035406", "4035405", "2005400"]);
  });

  test("does not excuse a wrong request and is not used up by one", async () => {
    script("4035405");
    const bad = await house.client.pay("REF-1", token, 25_000, { headers: { "x-signature": "AAAA" } });
    expect(bad.code).toBe("4015400");
    expect((await pay()).code).toBe("4035405");
  });

  test.each(["maybe", "4035", "latestTransactionStatus:x", "slow:soon"])(
    "with outcome %s is refused",
    (outcome) => {
      expect(() => script(outcome)).toThrow(/^outcome/);
    },
  );

  test("joins faults with +", async () => {
    script("500-after-commit+notify-never");
    expect((await pay()).code).toBe("5005400");
    await house.quiet();
    expect(statuses()).toEqual([]);
    expect(house.sim.ledger()).toHaveLength(1);
  });
});

describe("what follows a 2xx", () => {
  test("202: in progress, then settled on the clock and notified", async () => {
    script("202");
    const reply = await pay();
    expect([reply.http, reply.code]).toEqual([202, "2025400"]);
    expect(await latest()).toBe("03");
    expect(house.sim.ledger()).toEqual([]);
    await house.sim.advanceClock("60s");
    expect(await latest()).toBe("00");
    expect(statuses()).toEqual(["00"]);
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("202: a wallet emptied meanwhile fails", async () => {
    script("2025400");
    await pay();
    house.sim.changeWallet(PHONE, { balance: 0 });
    await house.sim.advanceClock("60s");
    expect(await latest()).toBe("06");
    expect(statuses()).toEqual(["06"]);
  });

  test("200-then-notify-06: accepted, then failed, nothing taken", async () => {
    script("200-then-notify-06:4035405");
    expect((await pay()).code).toBe("2005400");
    await house.quiet();
    expect(statuses()).toEqual(["06"]);
    expect((await house.client.ask("REF-1")).json).toMatchObject({
      latestTransactionStatus: "06",
      originalResponseCode: "4035405",
    });
    expect(house.sim.ledger()).toEqual([]);
  });
});

describe("a status inquiry", () => {
  test("lags behind for as many polls as it is told", async () => {
    await pay();
    script("status-lag:4");
    const seen = [];
    for (let poll = 0; poll < 5; poll += 1) seen.push(await latest());
    expect(seen).toEqual(["01", "02", "03", "03", "00"]);
  });

  test("does not find, then finds", async () => {
    await pay();
    script("not-found-then-found:2", { reference: "REF-1" });
    expect([await latest(), await latest(), await latest()]).toEqual(["4045501", "4045501", "00"]);
  });

  test("names a wrong amount", async () => {
    await pay();
    script("wrong-amount-in-status", { phone: PHONE });
    expect((await house.client.ask("REF-1")).json.transAmount).toEqual(money(25_001));
  });

  test("says what it is told, also of what never came", async () => {
    script("latestTransactionStatus:07");
    expect(await latest("REF-9")).toBe("07");
    await pay();
    script("latestTransactionStatus:06:4035403", { reference: "REF-1" });
    const { json } = await house.client.ask("REF-1");
    expect([json.latestTransactionStatus, json.originalResponseCode]).toEqual(["06", "4035403"]);
    expect(await latest()).toBe("00");
  });
});
