import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { money, PHONE, startAll } from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;
let token: string;

beforeEach(async () => {
  house = await startAll();
  token = (await house.link()).customerToken;
  await house.quiet();
  house.merchant.deliveries.length = 0;
});
afterEach(() => house.stop());

const payWith = async (outcome: string, reference = "REF-1", amount = 25_000) => {
  house.sim.script({ match: { reference }, outcome });
  const reply = await house.client.pay(reference, token, amount);
  await house.quiet();
  return reply;
};
const statuses = () => house.merchant.deliveries.map((delivery) => delivery.body.latestTransactionStatus);
const payments = () => house.sim.notifications().filter((one) => one.kind === "payment");

describe("a payment's notification", () => {
  test("is signed with the merchant's token and tells all DOKU knows", async () => {
    const paid = await house.client.pay("REF-1", token);
    await house.quiet();
    expect(house.merchant.deliveries).toHaveLength(1);
    expect(house.merchant.deliveries[0]).toMatchObject({
      path: "/v1.0/debit/notify",
      signatureIsRight: true,
      tokenIsOurs: true,
      body: {
        originalPartnerReferenceNo: "REF-1",
        originalReferenceNo: paid.json.referenceNo,
        latestTransactionStatus: "00",
        amount: money(25_000),
        additionalInfo: { custIdMerchant: "cust-001", channelId: "EMONEY_OVO_SNAP" },
      },
    });
    expect(house.merchant.tokenCalls.every((call) => call.isDoku)).toBe(true);
    expect(payments()).toMatchObject([{ state: "delivered", attempts: [{ httpStatus: 200 }] }]);
  });

  test("is never sent for a decline", async () => {
    await house.client.pay("REF-1", token, 900_000);
    await house.quiet();
    expect(house.merchant.deliveries).toEqual([]);
  });

  test("is sent again after 30 minutes, 6 hours and 12 hours, then given up", async () => {
    house.merchant.state.answer = 500;
    await house.client.pay("REF-1", token);
    await house.quiet();
    const times: (string | null)[] = [];
    for (let next = house.sim.nextEventAt(); next !== null; next = house.sim.nextEventAt()) {
      times.push(next.toISO());
      await house.sim.setClock(next);
    }
    expect(times).toEqual([
      "2026-03-02T02:30:00.000Z",
      "2026-03-02T08:00:00.000Z",
      "2026-03-02T14:00:00.000Z",
    ]);
    expect(statuses()).toEqual(["00", "00", "00", "00"]);
    expect(new Set(house.merchant.deliveries.map((one) => one.externalId)).size).toBe(1);
    expect(payments()[0]).toMatchObject({ state: "given_up" });
    expect(payments()[0]?.attempts.map((attempt) => attempt.httpStatus)).toEqual([500, 500, 500, 500]);
  });

  test("is not sent again once the merchant took it, even when the clock leaps over the rest", async () => {
    house.merchant.state.answer = 500;
    await house.client.pay("REF-1", token);
    await house.quiet();
    house.merchant.state.answer = 200;
    await house.sim.advanceClock("2d");
    expect(statuses()).toEqual(["00", "00"]);
    expect(payments()[0]?.state).toBe("delivered");
  });

  test("survives a merchant that cannot be reached", async () => {
    await house.merchant.stop();
    await house.client.pay("REF-1", token);
    await house.quiet();
    expect(payments()[0]?.attempts[0]).toMatchObject({ httpStatus: null });
    expect(house.sim.nextEventAt()).not.toBeNull();
  });

  test("given up can be sent again by hand", async () => {
    house.merchant.state.answer = 500;
    await house.client.pay("REF-1", token);
    await house.sim.advanceClock("1d");
    house.merchant.state.answer = 200;
    const id = payments()[0]?.id ?? "";
    const { json } = await house.control("POST", `notifications/${id}/resend`);
    expect(json).toMatchObject({ state: "delivered" });
    expect((await house.control("POST", "notifications/nobody/resend")).http).toBe(404);
  });

  test("may be delayed by a setting", async () => {
    await house.stop();
    house = await startAll({ notifyDelayMs: 5_000 });
    token = (await house.link()).customerToken;
    await house.sim.advanceClock("5s");
    house.merchant.deliveries.length = 0;
    await house.client.pay("REF-1", token);
    await house.sim.advanceClock("4999ms");
    expect(statuses()).toEqual([]);
    await house.sim.advanceClock("1ms");
    expect(statuses()).toEqual(["00"]);
  });
});

describe("a notification may", () => {
  test("arrive before the answer", async () => {
    house.sim.script({ match: { reference: "REF-1" }, outcome: "notify-early" });
    await house.client.pay("REF-1", token);
    expect(statuses()).toEqual(["00"]);
  });

  test("arrive late, on the simulator's clock", async () => {
    await payWith("notify-late:3600000");
    expect(statuses()).toEqual([]);
    await house.sim.advanceClock("1h");
    expect(statuses()).toEqual(["00"]);
  });

  test("arrive twice, the same to the last character", async () => {
    await payWith("notify-twice");
    const [first, second] = house.merchant.deliveries;
    expect(first).toEqual(second);
    expect(house.merchant.deliveries).toHaveLength(2);
  });

  test("be overtaken by a newer one", async () => {
    await payWith("notify-reordered");
    expect(statuses()).toEqual(["00", "03"]);
  });

  test("never arrive", async () => {
    await payWith("notify-never");
    await house.sim.advanceClock("1d");
    expect(statuses()).toEqual([]);
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("carry a wrong signature, and then is tried again like any refused one", async () => {
    await payWith("notify-bad-signature");
    expect(house.merchant.deliveries[0]).toMatchObject({ signatureIsRight: false, tokenIsOurs: true });
    expect(payments()[0]?.attempts[0]?.httpStatus).toBe(401);
    expect(house.sim.nextEventAt()).not.toBeNull();
  });

  test("name a wrong amount", async () => {
    await payWith("notify-wrong-amount");
    expect(house.merchant.deliveries[0]?.body.amount).toEqual(money(25_001));
    expect(house.sim.ledger()[0]?.amount).toBe(-25_000);
  });

  test("be forged by a stranger, who has neither DOKU's key nor the secret", async () => {
    const reply = await payWith("4035405+notify-forged");
    expect(reply.code).toBe("4035405");
    expect(house.merchant.tokenCalls.at(-1)?.isDoku).toBe(false);
    expect(house.merchant.deliveries).toMatchObject([
      { signatureIsRight: false, tokenIsOurs: false, body: { latestTransactionStatus: "00" } },
    ]);
    expect(house.sim.ledger()).toEqual([]);
    expect(payments()).toMatchObject([{ forged: true, state: "given_up" }]);
    expect(house.sim.nextEventAt()).toBeNull();
  });
});

test("a clock in real time sends by itself", async () => {
  await house.stop();
  house = await startAll({ now: undefined, notifyDelayMs: 20 });
  await house.link();
  await expect.poll(() => house.merchant.deliveries.length).toBe(1);
  expect(house.sim.clock().turned).toBe(false);
  expect(house.sim.wallet(PHONE)?.balance).toBe(150_000);
});
