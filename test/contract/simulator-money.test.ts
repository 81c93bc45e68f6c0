import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { externalId, money, PATHS, PHONE, payBody, refundBody, startAll } from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;
let token: string;

beforeEach(async () => {
  house = await startAll();
  token = (await house.link()).customerToken;
});
afterEach(() => house.stop());

const refund = (reference: string, amount: number, refundNo: string) =>
  house.client.call(PATHS.refund, refundBody(reference, amount, refundNo), null);

describe("a payment", () => {
  test("takes the money once, writes one ledger line and can be asked about", async () => {
    const paid = await house.client.pay("REF-1", token);
    expect([paid.http, paid.code]).toEqual([200, "2005400"]);
    expect(paid.json.referenceNo).toMatch(/^[0-9A-F]{32}$/);
    expect(paid.json.webRedirectUrl).toBeUndefined();
    expect(house.sim.ledger()).toEqual([
      {
        at: "2026-03-02T02:00:00.000Z",
        phone: PHONE,
        reference: "REF-1",
        kind: "payment",
        amount: -25_000,
        balanceAfter: 125_000,
      },
    ]);
    const { json } = await house.client.ask("REF-1");
    expect(json).toMatchObject({
      responseCode: "2005500",
      latestTransactionStatus: "00",
      originalResponseCode: "2005400",
      originalReferenceNo: paid.json.referenceNo,
      transAmount: money(25_000),
      paidTime: "2026-03-02T09:00:00+07:00",
    });
  });

  test("under a used reference is refused, whatever came of the first", async () => {
    await house.client.pay("REF-1", token);
    expect((await house.client.pay("REF-1", token)).code).toBe("4095401");
    await house.client.pay("REF-2", token, 900_000);
    expect((await house.client.pay("REF-2", token, 25_000)).code).toBe("4095401");
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("a hundred at once under one reference move the money once", async () => {
    const codes = await Promise.all(
      Array.from({ length: 100 }, async () => (await house.client.pay("REF-1", token)).code),
    );
    expect(codes.filter((code) => code === "2005400")).toHaveLength(1);
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("a replay of an accepted payment takes nothing more", async () => {
    const headers = { "x-external-id": externalId() };
    const first = await house.client.pay("REF-1", token, 25_000, { headers });
    const again = await house.client.pay("REF-1", token, 25_000, { headers });
    expect([again.http, again.text]).toEqual([409, first.text]);
    expect(house.sim.ledger()).toHaveLength(1);
  });

  test("an empty wallet is declined, leaves no ledger line, and its status names the decline", async () => {
    const declined = await house.client.pay("REF-1", token, 150_001);
    expect([declined.http, declined.code, declined.json.responseMessage]).toEqual([
      403,
      "4035414",
      "Insufficient Funds",
    ]);
    expect(house.sim.ledger()).toEqual([]);
    expect((await house.client.ask("REF-1")).json).toMatchObject({
      latestTransactionStatus: "06",
      originalResponseCode: "4035414",
    });
  });

  test("a Club wallet never pays more than 2 000 000", async () => {
    house.sim.changeWallet(PHONE, { tier: "club" });
    expect((await house.client.pay("REF-1", token, 2_000_001)).code).toBe("4035402");
  });

  test("a blocked and a closed wallet refuse", async () => {
    house.sim.changeWallet(PHONE, { blocked: true });
    expect((await house.client.pay("REF-1", token)).code).toBe("4035407");
    house.sim.changeWallet(PHONE, { closed: true });
    expect((await house.client.pay("REF-2", token)).code).toBe("4045411");
  });

  test.each([
    ["amount.value", "4005402", (b: ReturnType<typeof payBody>) => ({ ...b, amount: { currency: "IDR" } })],
    ["partnerReferenceNo", "4005402", (b: ReturnType<typeof payBody>) => ({ ...b, partnerReferenceNo: "" })],
    [
      "payOptionDetails.0.payMethod",
      "4005402",
      (b: ReturnType<typeof payBody>) => ({ ...b, payOptionDetails: [{}] }),
    ],
    [
      "amount.value",
      "4005401",
      (b: ReturnType<typeof payBody>) => ({ ...b, amount: { ...b.amount, value: 25000 } }),
    ],
    [
      "amount.value",
      "4005401",
      (b: ReturnType<typeof payBody>) => ({ ...b, amount: { ...b.amount, value: "25000" } }),
    ],
    [
      "amount.currency",
      "4005401",
      (b: ReturnType<typeof payBody>) => ({ ...b, amount: { ...b.amount, currency: "USD" } }),
    ],
    [
      "partnerReferenceNo",
      "4005401",
      (b: ReturnType<typeof payBody>) => ({ ...b, partnerReferenceNo: "a b" }),
    ],
    [
      "payOptionDetails.transAmount",
      "4005401",
      (b: ReturnType<typeof payBody>) => ({ ...b, amount: money(1) }),
    ],
  ])("with a wrong %s is refused with %s and leaves nothing", async (field, code, change) => {
    const reply = await house.client.call(PATHS.pay, change(payBody("REF-1")), token);
    expect(reply.code).toBe(code);
    expect(reply.json.responseMessage).toContain(field);
    expect((await house.client.ask("REF-1")).code).toBe("4045501");
  });

  test("of zero or with sen is no amount", async () => {
    for (const value of ["0.00", "100.50"]) {
      const body = { ...payBody("REF-1"), amount: { value, currency: "IDR" } };
      expect((await house.client.call(PATHS.pay, body, token)).code).toBe("4045413");
    }
  });
});

describe("a status inquiry", () => {
  test("of what never came is not found", async () => {
    const reply = await house.client.ask("REF-9");
    expect([reply.http, reply.code]).toEqual([404, "4045501"]);
  });

  test("takes both service codes and no other", async () => {
    await house.client.pay("REF-1", token);
    const ask = (serviceCode: string) =>
      house.client.call(PATHS.status, { originalPartnerReferenceNo: "REF-1", serviceCode }, null);
    expect((await ask("54")).code).toBe("2005500");
    expect((await ask("55")).code).toBe("2005500");
    expect((await ask("56")).code).toBe("4005501");
  });
});

test("the balance follows the wallet", async () => {
  const ask = async () => {
    const reply = await house.client.call(
      PATHS.balance,
      { additionalInfo: { channel: "EMONEY_OVO_SNAP" } },
      token,
    );
    return reply.json.accountInfos[0].availableBalance.value;
  };
  expect(await ask()).toBe("150000.00");
  await house.client.pay("REF-1", token);
  expect(await ask()).toBe("125000.00");
  house.sim.changeWallet(PHONE, { add: 5_000 });
  expect(await ask()).toBe("130000.00");
});

describe("a refund", () => {
  beforeEach(() => house.client.pay("REF-1", token));

  test("in full gives the money back once and turns the status to 04", async () => {
    const reply = await refund("REF-1", 25_000, "R-1");
    expect(reply.json).toMatchObject({
      responseCode: "2000700",
      partnerRefundNo: "R-1",
      refundAmount: money(25_000),
    });
    expect((await refund("REF-1", 25_000, "R-1")).code).toBe("4095801");
    expect(house.sim.wallet(PHONE)?.balance).toBe(150_000);
    expect(house.sim.ledger().map((line) => [line.kind, line.amount])).toEqual([
      ["payment", -25_000],
      ["refund", 25_000],
    ]);
    expect((await house.client.ask("REF-1")).json).toMatchObject({
      latestTransactionStatus: "04",
      refundHistory: [{ partnerReferenceNo: "R-1", refundAmount: money(25_000) }],
    });
  });

  test("in parts never gives back more than was paid", async () => {
    expect((await refund("REF-1", 10_000, "R-1")).http).toBe(200);
    expect((await refund("REF-1", 15_001, "R-2")).code).toBe("4045813");
    expect((await house.client.ask("REF-1")).json.latestTransactionStatus).toBe("00");
    expect((await refund("REF-1", 15_000, "R-3")).http).toBe(200);
    expect((await house.client.ask("REF-1")).json.latestTransactionStatus).toBe("04");
  });

  test("of an unknown, a declined and an old payment is refused", async () => {
    expect((await refund("REF-9", 1_000, "R-1")).code).toBe("4045801");
    await house.client.pay("REF-2", token, 900_000);
    expect((await refund("REF-2", 1_000, "R-2")).code).toBe("4045800");
    await house.sim.advanceClock("8d");
    await house.client.gateway();
    expect((await refund("REF-1", 25_000, "R-3")).code).toBe("4055801");
  });

  test("works after the customer has unlinked", async () => {
    house.sim.unlink(PHONE);
    expect((await refund("REF-1", 25_000, "R-1")).http).toBe(200);
  });

  test("in part is refused where the merchant may only refund in full", async () => {
    await house.stop();
    house = await startAll({ refunds: { partial: false, windowDays: 7, code: "2005800" } });
    token = (await house.link()).customerToken;
    await house.client.pay("REF-1", token);
    expect((await refund("REF-1", 10_000, "R-1")).code).toBe("4055801");
    expect((await refund("REF-1", 25_000, "R-2")).code).toBe("2005800");
  });
});

describe("a SALE", () => {
  const open = async (reference = "SALE-1", amount = 25_000) => {
    const reply = await house.client.call(PATHS.pay, payBody(reference, amount, "SALE"), null);
    return String(reply.json.webRedirectUrl);
  };
  const press = (url: string, action: string, phone = PHONE) =>
    fetch(url, { method: "POST", body: new URLSearchParams({ action, phone }), redirect: "manual" });

  test("needs no customer token and takes money only when its page is confirmed", async () => {
    const url = await open();
    expect(house.sim.ledger()).toEqual([]);
    expect((await house.client.ask("SALE-1")).json.latestTransactionStatus).toBe("01");
    expect(await (await fetch(url)).text()).toContain("Rp 25.000");
    const pressed = await press(url, "confirm");
    expect([pressed.status, pressed.headers.get("location")]).toEqual([303, "https://merchant.example/ok"]);
    await press(url, "confirm");
    await house.quiet();
    expect(house.sim.ledger()).toHaveLength(1);
    expect((await house.client.ask("SALE-1")).json.latestTransactionStatus).toBe("00");
    expect(house.merchant.deliveries.at(-1)?.body).toMatchObject({
      originalPartnerReferenceNo: "SALE-1",
      latestTransactionStatus: "00",
    });
  });

  test("that is cancelled is notified as 05 and takes nothing", async () => {
    const pressed = await press(await open(), "cancel");
    expect(pressed.headers.get("location")).toBe("https://merchant.example/ko");
    await house.quiet();
    expect(house.merchant.deliveries.at(-1)?.body.latestTransactionStatus).toBe("05");
    expect(house.sim.ledger()).toEqual([]);
  });

  test("nobody confirms for 30 minutes is over, and nobody is told", async () => {
    await house.quiet();
    const url = await open();
    const told = house.merchant.deliveries.length;
    expect(house.sim.nextEventAt()?.toISO()).toBe("2026-03-02T02:30:00.000Z");
    await house.sim.advanceClock("30m");
    await house.client.gateway();
    expect((await house.client.ask("SALE-1")).json).toMatchObject({
      latestTransactionStatus: "06",
      originalResponseCode: "4035400",
    });
    await press(url, "confirm");
    expect(house.sim.ledger()).toEqual([]);
    expect(house.merchant.deliveries).toHaveLength(told);
  });

  test("confirmed with too little in the wallet fails", async () => {
    await press(await open("SALE-1", 900_000), "confirm");
    expect((await house.client.ask("SALE-1")).json.originalResponseCode).toBe("4035414");
  });
});
