import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bindBody, externalId, PATHS, PHONE, startAll } from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;

beforeEach(async () => {
  house = await startAll();
});
afterEach(() => house.stop());

const bind = (phone = PHONE, customer = "cust-001") =>
  house.client.call(PATHS.bind, bindBody(phone, customer), null);
const unbind = (tokenId: string) =>
  house.client.call(PATHS.unbind, { tokenId, additionalInfo: { channel: "EMONEY_OVO_SNAP" } }, null);
const balance = (token: string) =>
  house.client.call(PATHS.balance, { additionalInfo: { channel: "EMONEY_OVO_SNAP" } }, token);

describe("a binding", () => {
  test("opens a page and hands out an authCode that works only once the link is finished", async () => {
    const { json } = await bind();
    expect(json).toMatchObject({
      responseCode: "2000700",
      additionalInfo: { custIdMerchant: "cust-001", accountStatus: "PENDING" },
    });
    const { authCode } = json.additionalInfo;
    const early = await house.client.exchange(authCode);
    expect([early.http, early.code]).toEqual([401, "4017400"]);
    house.sim.finishLink(PHONE, "success");
    for (const _ of [1, 2]) expect((await house.client.exchange(authCode)).code).toBe("2007400");
  });

  test("is notified with its status, authCode and X-EXTERNAL-ID", async () => {
    const id = externalId();
    const { json } = await house.client.call(PATHS.bind, bindBody(), null, {
      headers: { "x-external-id": id },
    });
    house.sim.finishLink(PHONE, "success");
    await house.quiet();
    expect(house.merchant.deliveries).toMatchObject([
      {
        path: "/v1.0/registration-account-binding/notify",
        signatureIsRight: true,
        tokenIsOurs: true,
        body: {
          originalExternalId: id,
          additionalInfo: {
            status: "SUCCESS",
            custIdMerchant: "cust-001",
            authCode: json.additionalInfo.authCode,
          },
        },
      },
    ]);
  });

  test("that fails is notified as FAILED and gives no token", async () => {
    const { json } = await bind();
    house.sim.finishLink(PHONE, "failed");
    await house.quiet();
    expect(house.merchant.deliveries[0]?.body.additionalInfo.status).toBe("FAILED");
    expect((await house.client.exchange(json.additionalInfo.authCode)).code).toBe("4017400");
  });

  test("whose page stays open for 15 minutes is over", async () => {
    const { json } = await bind();
    expect(house.sim.nextEventAt()?.toISO()).toBe("2026-03-02T02:15:00.000Z");
    await house.sim.advanceClock("15m");
    expect(() => house.sim.finishLink(PHONE, "success")).toThrow("no open page");
    expect((await house.client.exchange(json.additionalInfo.authCode)).code).toBe("4017400");
    expect(house.merchant.deliveries).toEqual([]);
  });

  test("replaces an older open one of the same phone", async () => {
    const older = (await bind()).json.additionalInfo.authCode;
    const newer = (await bind()).json.additionalInfo.authCode;
    house.sim.finishLink(PHONE, "success");
    expect((await house.client.exchange(older)).code).toBe("4017400");
    expect((await house.client.exchange(newer)).code).toBe("2007400");
  });

  test("can be finished by a person on its page, who is sent back", async () => {
    const { json } = await bind();
    expect(await (await fetch(json.redirectUrl)).text()).toContain(PHONE);
    const body = new URLSearchParams({ action: "success" });
    const pressed = await fetch(json.redirectUrl, { method: "POST", body, redirect: "manual" });
    expect([pressed.status, pressed.headers.get("location")]).toEqual([303, "https://merchant.example/ok"]);
    expect((await house.client.exchange(json.additionalInfo.authCode)).code).toBe("2007400");
  });

  test("finishes by itself where the simulator was told so", async () => {
    await house.stop();
    house = await startAll({ autoLink: true, autoWallets: true });
    const { json } = await bind("6281399999999", "cust-7");
    await house.quiet();
    expect(house.merchant.deliveries).toHaveLength(1);
    expect((await house.client.exchange(json.additionalInfo.authCode)).code).toBe("2007400");
  });
});

describe("a binding is refused in OVO's words", () => {
  const refusal = async (phone?: string, customer?: string) => {
    const reply = await bind(phone, customer);
    expect([reply.http, reply.code]).toEqual([403, "4030715"]);
    return reply.json.responseMessage;
  };

  test("when the number has no account", async () => {
    expect(await refusal("6281399999999")).toBe(
      "Transaction Not Permitted. OVO account not available please register to ovo",
    );
  });

  test("when the account is blocked", async () => {
    house.sim.changeWallet(PHONE, { blocked: true });
    expect(await refusal()).toBe("Transaction Not Permitted. OVO account blocked temporary");
  });

  test("when the wallet is bound already, to the same customer or another", async () => {
    await house.link();
    expect(await refusal()).toBe("Transaction Not Permitted. Account Already Registered");
    expect(await refusal(PHONE, "cust-002")).toBe(
      "Transaction Not Permitted. OVO account already registered by another customer",
    );
  });

  test("when the customer has another wallet already", async () => {
    await house.link();
    house.sim.addWallet({ phone: "6281300000001", balance: 0 });
    expect(await refusal("6281300000001", "cust-001")).toBe(
      "Transaction Not Permitted. Account Already Registered",
    );
  });
});

describe("the end of a link", () => {
  test("in the OVO app kills older tokens and the next exchange, and tells nobody", async () => {
    const { authCode, customerToken } = await house.link();
    await house.quiet();
    const told = house.merchant.deliveries.length;
    house.sim.unlink(PHONE);
    expect((await balance(customerToken)).code).toBe("4011102");
    const paid = await house.client.pay("REF-1", customerToken);
    expect([paid.http, paid.code]).toEqual([401, "4015402"]);
    expect((await house.client.exchange(authCode)).code).toBe("4017400");
    await house.quiet();
    expect(house.merchant.deliveries).toHaveLength(told);
  });

  test("by unbinding frees wallet and customer for a new link", async () => {
    const { customerToken } = await house.link();
    expect((await unbind(customerToken)).code).toBe("2000900");
    expect((await unbind(customerToken)).code).toBe("4010902");
    expect((await balance(customerToken)).code).toBe("4011102");
    const { customerToken: renewed } = await house.link(PHONE, "cust-002");
    expect((await balance(renewed)).code).toBe("2001100");
  });
});

test("a refresh token is exchanged while the link lives", async () => {
  const { authCode } = await house.link();
  const { refreshToken } = (await house.client.exchange(authCode)).json;
  const refresh = () => house.client.token(PATHS.customerToken, { grantType: "refresh_token", refreshToken });
  expect((await refresh()).code).toBe("2007400");
  house.sim.unlink(PHONE);
  expect((await refresh()).code).toBe("4017400");
});

test("each customer token pays from its own wallet", async () => {
  house.sim.addWallet({ phone: "6281300000001", balance: 100_000 });
  const first = await house.link();
  const second = await house.link("6281300000001", "cust-002");
  await house.client.pay("REF-1", first.customerToken, 1_000);
  await house.client.pay("REF-2", second.customerToken, 2_000);
  expect(house.sim.ledger().map((line) => [line.phone, line.amount])).toEqual([
    [PHONE, -1_000],
    ["6281300000001", -2_000],
  ]);
});
