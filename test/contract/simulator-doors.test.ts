import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  bindBody,
  CLIENT_ID,
  externalId,
  PATHS,
  PHONE,
  payBody,
  refundBody,
  startAll,
} from "./simulator-client.ts";

type House = Awaited<ReturnType<typeof startAll>>;
let house: House;

beforeEach(async () => {
  house = await startAll();
});
afterEach(() => house.stop());

const CREDENTIALS = { grantType: "client_credentials" };
const CHANNEL = { channel: "EMONEY_OVO_SNAP" };

/** The six systems behind a B2B token: a good body, and whether the customer token is mandatory. */
const CALLS = [
  {
    name: "binding",
    path: PATHS.bind,
    service: "07",
    customer: false,
    body: () => bindBody("6281300000001", "cust-9"),
  },
  {
    name: "balance",
    path: PATHS.balance,
    service: "11",
    customer: true,
    body: () => ({ additionalInfo: CHANNEL }),
  },
  { name: "payment", path: PATHS.pay, service: "54", customer: true, body: () => payBody("REF-1") },
  {
    name: "status",
    path: PATHS.status,
    service: "55",
    customer: false,
    body: () => ({ originalPartnerReferenceNo: "PAID-1", serviceCode: "54" }),
  },
  {
    name: "refund",
    path: PATHS.refund,
    service: "58",
    customer: false,
    body: () => refundBody("PAID-1", 25_000, "R-1"),
  },
  {
    name: "unbinding",
    path: PATHS.unbind,
    service: "09",
    customer: false,
    body: (token: string) => ({ tokenId: token, additionalInfo: CHANNEL }),
  },
] as const;

/** A linked wallet with one payment made, and a second wallet that may be bound. */
async function prepared() {
  house.sim.addWallet({ phone: "6281300000001", balance: 0 });
  const { customerToken } = await house.link();
  await house.client.pay("PAID-1", customerToken);
  return customerToken;
}

describe.each(CALLS)("$name", ({ path, service, customer, body }) => {
  const send = (token: string, twist = {}) =>
    house.client.call(path, body(token), customer ? token : null, twist);

  test("a right request is answered with success", async () => {
    const reply = await send(await prepared());
    expect(reply.http).toBe(200);
    expect(reply.code).toMatch(/^200\d\d00$/);
  });

  test("each missing header is refused by name", async () => {
    const token = await prepared();
    const always = [
      "content-type",
      "authorization",
      "x-timestamp",
      "x-signature",
      "x-partner-id",
      "x-external-id",
    ];
    for (const name of customer ? [...always, "authorization-customer"] : always) {
      const reply = await send(token, { headers: { [name]: null } });
      expect([reply.http, reply.code]).toEqual([400, `400${service}02`]);
      expect(reply.json.responseMessage.toLowerCase()).toContain(name);
    }
  });

  test("a body changed after signing is refused", async () => {
    const token = await prepared();
    const reply = await send(token, { signedText: JSON.stringify({ other: "body" }) });
    expect([reply.http, reply.code]).toEqual([401, `401${service}00`]);
    expect(reply.json.responseMessage).toContain("Invalid Signature");
  });

  test("a token older than 900 seconds is refused", async () => {
    const token = await prepared();
    await house.sim.advanceClock("899s");
    expect((await send(token, { headers: { "x-signature": "x" } })).code).toBe(`401${service}00`);
    await house.sim.advanceClock("1s");
    const reply = await send(token);
    expect([reply.http, reply.code]).toEqual([401, `401${service}01`]);
  });

  test("the same id and body meet the first answer under HTTP 409, another body a conflict", async () => {
    const token = await prepared();
    const headers = { "x-external-id": externalId() };
    const first = await send(token, { headers });
    const again = await send(token, { headers });
    expect(again.http).toBe(409);
    expect(again.text).toBe(first.text);
    const other = await send(token, { headers, text: JSON.stringify({ ...body(token), more: "1" }) });
    expect([other.http, other.code]).toEqual([409, `409${service}00`]);
  });

  test("an id is free again on the next Jakarta day", async () => {
    const token = await prepared();
    const headers = { "x-external-id": externalId() };
    await send(token, { headers });
    // 09:00 in Jakarta at the start, so 15 hours later it is midnight there and 17:00 in UTC.
    await house.sim.advanceClock("899m");
    await house.client.gateway();
    expect((await send(token, { headers })).http).toBe(409);
    await house.sim.advanceClock("1m");
    expect((await send(token, { headers })).text).not.toContain(`409${service}00`);
  });

  test("what is no JSON object is refused before anything else is looked at", async () => {
    const token = await prepared();
    for (const text of ["{", "[]", '"text"', ""]) {
      const reply = await send(token, { text, headers: { "x-signature": null } });
      expect(reply.code).toBe(`400${service}00`);
    }
  });

  test("a timestamp of wrong form or of no real moment is refused", async () => {
    const token = await prepared();
    for (const bad of ["2026-03-02 02:00:00Z", "2026-03-02T02:00:00", "2026-02-30T02:00:00Z", "1740000000"]) {
      const reply = await send(token, { headers: { "x-timestamp": bad } });
      expect(reply.code).toBe(`400${service}01`);
    }
  });

  test("another company's partner id is refused", async () => {
    const reply = await send(await prepared(), { headers: { "x-partner-id": "BRN-9" } });
    expect(reply.code).toBe(`401${service}00`);
  });

  test("a body without its channel is refused by name", async () => {
    const token = await prepared();
    if (path === PATHS.status) return;
    const given = body(token) as { readonly additionalInfo: object };
    const text = JSON.stringify({ ...given, additionalInfo: { ...given.additionalInfo, channel: "" } });
    const missing = await send(token, { text });
    expect([missing.code, missing.json.responseMessage]).toEqual([
      `400${service}02`,
      "Invalid Mandatory Field additionalInfo.channel",
    ]);
    const wrong = await send(token, { text: text.replace('"channel":""', '"channel":"OVO"') });
    expect(wrong.code).toBe(`400${service}01`);
  });
});

test("every accepted spelling of a timestamp passes", async () => {
  const { customerToken } = await house.link();
  const body = { additionalInfo: CHANNEL };
  for (const good of ["2026-03-02T02:00:00.000Z", "2026-03-02T09:00:00+07:00", "2026-03-02T02:00:00-00:00"]) {
    const reply = await house.client.call(PATHS.balance, body, customerToken, {
      headers: { "x-timestamp": good },
    });
    expect(reply.code).toBe("2001100");
  }
});

test("a body sent with spaces passes when its compact form was signed, unless the simulator is strict", async () => {
  const compact = JSON.stringify(bindBody());
  const spaced = JSON.stringify(bindBody(), null, 2);
  const twist = { text: spaced, signedText: compact };
  expect((await house.client.call(PATHS.bind, null, null, twist)).code).toBe("2000700");
  await house.stop();
  house = await startAll({ strictSignature: true });
  expect((await house.client.call(PATHS.bind, null, null, twist)).code).toBe("4010700");
});

test("a customer token may come bare, unless the simulator is strict about it", async () => {
  const send = async () => {
    const { customerToken } = await house.link();
    const headers = { "authorization-customer": customerToken };
    return (await house.client.call(PATHS.balance, { additionalInfo: CHANNEL }, null, { headers })).code;
  };
  expect(await send()).toBe("2001100");
  await house.stop();
  house = await startAll({ strictBearer: true });
  expect(await send()).toBe("4011102");
});

test("a newer token ends the older one when the simulator is told so", async () => {
  await house.stop();
  house = await startAll({ newestTokenOnly: true });
  const old = await house.client.gateway();
  await house.client.gateway();
  const headers = { authorization: `Bearer ${old}` };
  expect((await house.client.call(PATHS.bind, bindBody(), null, { headers })).code).toBe("4010701");
});

test("a clock that runs with real time refuses a timestamp more than 15 minutes off", async () => {
  await house.stop();
  house = await startAll({ now: undefined });
  expect(house.sim.clock().turned).toBe(false);
  const headers = { "x-timestamp": "2020-01-01T00:00:00Z" };
  const reply = await house.client.call(PATHS.bind, bindBody(), null, { headers });
  expect([reply.code, reply.json.responseMessage]).toEqual(["4010700", "Unauthorized. Invalid Timestamp"]);
});

describe("tokens", () => {
  test("a B2B token lasts 900 seconds and its answer carries the client and a time", async () => {
    const reply = await house.client.token(PATHS.gatewayToken, CREDENTIALS);
    expect(reply.json).toMatchObject({ responseCode: "2007300", tokenType: "Bearer", expiresIn: 900 });
    expect(reply.headers.get("x-client-key")).toBe(CLIENT_ID);
    expect(reply.headers.get("x-timestamp")).toBe("2026-03-02T09:00:00+07:00");
  });

  test.each([
    ["x-client-key", "400xx02"],
    ["x-timestamp", "400xx02"],
    ["x-signature", "400xx02"],
  ])("both token calls refuse a missing %s", async (name, code) => {
    for (const [path, service] of [
      [PATHS.gatewayToken, "73"],
      [PATHS.customerToken, "74"],
    ] as const) {
      const reply = await house.client.token(path, CREDENTIALS, { headers: { [name]: null } });
      expect(reply.code).toBe(code.replace("xx", service));
    }
  });

  test("an unknown client, a foreign signature and base64 with a tail are refused", async () => {
    const send = (headers: Record<string, string>) =>
      house.client.token(PATHS.gatewayToken, CREDENTIALS, { headers });
    expect((await send({ "x-client-key": "BRN-9" })).json.responseMessage).toBe(
      "Unauthorized. Unknown Client",
    );
    expect((await send({ "x-signature": "AAAA" })).code).toBe("4017300");
    expect((await send({ "x-signature": "AAAA!" })).code).toBe("4017300");
  });

  test("a wrong grant is refused", async () => {
    const { token } = house.client;
    expect((await token(PATHS.gatewayToken, { grantType: "password" })).code).toBe("4007301");
    expect((await token(PATHS.gatewayToken, {})).code).toBe("4007302");
    expect((await token(PATHS.customerToken, { grantType: "authorization_code" })).code).toBe("4007402");
    expect((await house.client.exchange("nobody")).code).toBe("4017400");
  });
});

test("a customer token of another merchant, an old one and a made-up one are refused", async () => {
  const { customerToken } = await house.link();
  const ask = (token: string) => house.client.call(PATHS.balance, { additionalInfo: CHANNEL }, token);
  expect((await ask("made-up")).code).toBe("4011102");
  await house.sim.advanceClock("15d");
  await house.client.gateway();
  expect((await ask(customerToken)).code).toBe("4011102");
  expect(house.sim.wallet(PHONE)?.balance).toBe(150_000);
});
