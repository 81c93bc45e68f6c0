import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  bindBody,
  CLIENT_ID,
  externalId,
  money,
  PATHS,
  PHONE,
  payBody,
  refundBody,
  SECRET,
  startAll,
} from "./simulator-client.ts";

type House = Awaited<ReturnType<typeof startAll>>;
type Json = Readonly<Record<string, unknown>>;

let house: House;
/** The customer token of the linked wallet, its authorisation, and a B2B token. */
let held: { customerToken: string; authCode: string; bearer: string };

beforeEach(async () => {
  house = await startAll();
  house.sim.addWallet({ phone: "6281300000001", balance: 0 });
  const link = await house.link();
  await house.client.pay("PAID-1", link.customerToken);
  held = { ...link, bearer: await house.client.gateway() };
});
afterEach(() => house.stop());

const CHANNEL = { channel: "EMONEY_OVO_SNAP" };
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const now = () => house.sim.clock().now.replace(/\.\d+/, "");

type Door = {
  readonly name: string;
  readonly path: string;
  readonly service: string;
  readonly signedBy: "key" | "secret";
  readonly customer: boolean;
  readonly body: () => Json;
  /** Dotted places that must be there. */
  readonly required: readonly string[];
  /** Places and values of a wrong form. */
  readonly wrong: readonly (readonly [place: string, value: unknown])[];
};

const WRONG_CHANNEL = ["additionalInfo.channel", "EMONEY_DANA_SNAP"] as const;
const DOORS: readonly Door[] = [
  {
    name: "B2B token",
    path: PATHS.gatewayToken,
    service: "73",
    signedBy: "key",
    customer: false,
    body: () => ({ grantType: "client_credentials" }),
    required: ["grantType"],
    wrong: [
      ["grantType", "password"],
      ["grantType", 1],
    ],
  },
  {
    name: "customer token",
    path: PATHS.customerToken,
    service: "74",
    signedBy: "key",
    customer: false,
    body: () => ({ grantType: "authorization_code", authCode: held.authCode }),
    required: ["grantType", "authCode"],
    wrong: [
      ["grantType", "client_credentials"],
      ["authCode", "x".repeat(257)],
    ],
  },
  {
    name: "binding",
    path: PATHS.bind,
    service: "07",
    signedBy: "secret",
    customer: false,
    body: () => bindBody("6281300000001", "cust-9"),
    required: [
      "phoneNo",
      "additionalInfo.channel",
      "additionalInfo.custIdMerchant",
      "additionalInfo.successRegistrationUrl",
      "additionalInfo.failedRegistrationUrl",
    ],
    wrong: [
      ["phoneNo", "+6281300000001"],
      ["phoneNo", 6281300000001],
      ["phoneNo", "62813"],
      ["additionalInfo.custIdMerchant", "c".repeat(65)],
      ["additionalInfo.successRegistrationUrl", "merchant.example"],
      ["additionalInfo.failedRegistrationUrl", "javascript:alert(1)"],
      ["additionalInfo.email", `${"e".repeat(257)}`],
      WRONG_CHANNEL,
    ],
  },
  {
    name: "balance",
    path: PATHS.balance,
    service: "11",
    signedBy: "secret",
    customer: true,
    body: () => ({ additionalInfo: CHANNEL }),
    required: ["additionalInfo.channel"],
    wrong: [WRONG_CHANNEL],
  },
  {
    name: "payment",
    path: PATHS.pay,
    service: "54",
    signedBy: "secret",
    customer: true,
    body: () => payBody("REF-1"),
    required: [
      "partnerReferenceNo",
      "amount.value",
      "amount.currency",
      "payOptionDetails.0.payMethod",
      "payOptionDetails.0.transAmount.value",
      "payOptionDetails.0.feeAmount.value",
      "additionalInfo.channel",
      "additionalInfo.paymentType",
      "additionalInfo.successPaymentUrl",
      "additionalInfo.failedPaymentUrl",
    ],
    wrong: [
      ["partnerReferenceNo", "REF 1"],
      ["partnerReferenceNo", "R".repeat(65)],
      ["amount.value", "25000"],
      ["amount.value", "25.000,00"],
      ["amount.value", "-25000.00"],
      ["amount.value", 25000],
      ["amount.currency", "USD"],
      ["payOptionDetails.0.payMethod", "CARD"],
      ["payOptionDetails.0.transAmount.value", "1.00"],
      ["additionalInfo.paymentType", "RECURING"],
      ["additionalInfo.remarks", "r".repeat(41)],
      WRONG_CHANNEL,
    ],
  },
  {
    name: "status",
    path: PATHS.status,
    service: "55",
    signedBy: "secret",
    customer: false,
    body: () => ({ originalPartnerReferenceNo: "PAID-1", serviceCode: "54" }),
    required: ["originalPartnerReferenceNo", "serviceCode"],
    wrong: [
      ["serviceCode", "56"],
      ["serviceCode", 54],
      ["originalPartnerReferenceNo", "R".repeat(65)],
      ["originalExternalId", "E-1"],
    ],
  },
  {
    name: "refund",
    path: PATHS.refund,
    service: "58",
    signedBy: "secret",
    customer: false,
    body: () => refundBody("PAID-1", 25_000, "R-1"),
    required: [
      "originalPartnerReferenceNo",
      "refundAmount.value",
      "refundAmount.currency",
      "partnerRefundNo",
      "additionalInfo.channel",
    ],
    wrong: [
      ["originalPartnerReferenceNo", "R".repeat(33)],
      ["refundAmount.value", "25000"],
      ["refundAmount.currency", "SGD"],
      ["partnerRefundNo", "R".repeat(65)],
      ["reason", "r".repeat(256)],
      WRONG_CHANNEL,
    ],
  },
  {
    name: "unbinding",
    path: PATHS.unbind,
    service: "09",
    signedBy: "secret",
    customer: false,
    body: () => ({ tokenId: held.customerToken, additionalInfo: CHANNEL }),
    required: ["tokenId", "additionalInfo.channel"],
    wrong: [["tokenId", "t".repeat(2049)], WRONG_CHANNEL],
  },
];

/** How a request differs from a right one; a header of null is left out. */
type Twist = {
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly text?: string;
  readonly path?: string;
  /** What is signed instead of what is sent. */
  readonly signed?: Partial<Record<"secret" | "path" | "token" | "timestamp" | "text" | "method", string>>;
  readonly key?: typeof stranger;
};

async function send(door: Door, twist: Twist = {}) {
  const text = twist.text ?? JSON.stringify(door.body());
  const timestamp = twist.headers?.["x-timestamp"] ?? now();
  const headers = new Headers({
    "content-type": "application/json",
    "x-timestamp": timestamp,
    ...(door.signedBy === "key" ? { "x-client-key": CLIENT_ID } : callHeaders(door)),
  });
  const signed = {
    secret: SECRET,
    path: door.path,
    token: held.bearer,
    timestamp,
    text,
    method: "POST",
    ...twist.signed,
  };
  if (door.signedBy === "secret") {
    const hash = createHash("sha256").update(signed.text).digest("hex");
    const parts = [signed.method, signed.path, signed.token, hash, signed.timestamp];
    headers.set("x-signature", createHmac("sha512", signed.secret).update(parts.join(":")).digest("base64"));
  } else if (twist.key !== undefined) {
    const bytes = sign("sha256", Buffer.from(`${CLIENT_ID}|${timestamp}`), twist.key.privateKey);
    headers.set("x-signature", bytes.toString("base64"));
  } else headers.set("x-signature", house.client.signToken(signed.timestamp));
  for (const [name, value] of Object.entries(twist.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  // As bytes, so that no content type is added by itself.
  const response = await fetch(house.sim.url + (twist.path ?? door.path), {
    method: "POST",
    headers,
    body: Buffer.from(text),
  });
  const json = JSON.parse(await response.text()) as { responseCode: string; responseMessage: string };
  return { http: response.status, code: json.responseCode, says: json.responseMessage, json };
}

function callHeaders(door: Door): Record<string, string> {
  return {
    authorization: `Bearer ${held.bearer}`,
    "x-partner-id": CLIENT_ID,
    "x-external-id": externalId(),
    ...(door.customer ? { "authorization-customer": `Bearer ${held.customerToken}` } : {}),
  };
}

/** A copy of `body` with `value` at a dotted place; undefined takes it away. */
function changed(body: Json, place: string, value: unknown): string {
  const copy = structuredClone(body) as Record<string, unknown>;
  const steps = place.split(".");
  const last = steps.pop() ?? "";
  let inner = copy;
  for (const step of steps) inner = inner[step] as Record<string, unknown>;
  inner[last] = value;
  return JSON.stringify(copy);
}

function wrongSignatures(door: Door): readonly (readonly [over: string, twist: Twist])[] {
  const late = ["another moment", { signed: { timestamp: "2026-03-02T02:00:01Z" } }] as const;
  if (door.signedBy === "key") return [["the same by a stranger's key", { key: stranger }], late];
  return [
    late,
    ["another body", { signed: { text: '{"other":"body"}' } }],
    ["the same with another secret", { signed: { secret: "SK-other" } }],
    ["another path", { signed: { path: "/v1.0/other" } }],
    ["another token", { signed: { token: "other" } }],
    ["another method", { signed: { method: "GET" } }],
    ["a path without its query", { path: `${door.path}?a=1` }],
  ];
}

const tables = DOORS.map((door) => {
  const { service, signedBy, customer } = door;
  const isCall = signedBy === "secret";
  const always = ["content-type", "x-timestamp", "x-signature"];
  const own = isCall ? ["authorization", "x-partner-id", "x-external-id"] : ["x-client-key"];
  const missing = [...always, ...own, ...(customer ? ["authorization-customer"] : [])];
  const format = `400${service}01`;
  const unauthorised = `401${service}00`;
  const badToken = `401${service}01`;
  const badHeaders: (readonly [name: string, value: string, code: string])[] = [
    ["content-type", "text/plain", format],
    ["content-type", "application/x-www-form-urlencoded", format],
    ...["yesterday", "2026-02-30T09:00:00Z", "2026-03-02T09:00:00", "2026-03-02 09:00:00Z", "1772416800"].map(
      (value) => ["x-timestamp", value, format] as const,
    ),
    ...(isCall
      ? ([
          ["x-external-id", "abc", format],
          ["x-external-id", "1".repeat(37), format],
          ["x-external-id", "12-34", format],
          ["x-partner-id", "BRN-9", unauthorised],
          ["authorization", "Bearer nobody", badToken],
          ["authorization", "Basic abc", badToken],
          ["authorization", "Bearer ", badToken],
        ] as const)
      : ([["x-client-key", "BRN-9", unauthorised]] as const)),
    ["x-signature", "AAAA", unauthorised],
    ["x-signature", "not base64!", unauthorised],
    ["x-signature", "A".repeat(isCall ? 86 : 342).concat("=="), unauthorised],
  ];
  return { ...door, missing, badHeaders, unauthorised, signatures: wrongSignatures(door) };
});

describe.each(tables)("$name", (door) => {
  const { service, unauthorised } = door;

  test("a right request is answered with success", async () => {
    const { http, code } = await send(door);
    expect([http, code.slice(0, 3), code.slice(5)]).toEqual([200, "200", "00"]);
  });

  test.each(door.missing)("without %s is refused by its name", async (name) => {
    const { http, code, says } = await send(door, { headers: { [name]: null } });
    expect([http, code]).toEqual([400, `400${service}02`]);
    expect(says.toLowerCase()).toContain(name);
  });

  test.each(door.badHeaders)("%s %j is refused with %s", async (name, value, code) => {
    const reply = await send(door, { headers: { [name]: value } });
    expect([reply.http, reply.code]).toEqual([Number(code.slice(0, 3)), code]);
  });

  test.each(door.signatures)("a signature over %s is refused", async (_name, twist) => {
    expect((await send(door, twist)).code).toBe(unauthorised);
  });

  test.each(["", "{", "[]", '"text"', "null", '{"a":1}}'])("the body %j is no JSON object", async (text) => {
    const reply = await send(door, { text });
    expect([reply.http, reply.code]).toEqual([400, `400${service}00`]);
  });

  test.each(door.required)("a body without %s is refused by its name", async (place) => {
    const reply = await send(door, { text: changed(door.body(), place, undefined) });
    expect([reply.http, reply.code]).toEqual([400, `400${service}02`]);
    expect(reply.says).toContain(place.split(".")[0]);
  });

  test.each(door.wrong)("a body with %s of %j is refused by its name", async (place, value) => {
    const reply = await send(door, { text: changed(door.body(), place, value) });
    expect([reply.http, reply.code]).toEqual([400, `400${service}01`]);
    expect(reply.says).toContain(place.split(".")[0]);
  });
});

describe.each(tables.filter(({ signedBy }) => signedBy === "secret"))("$name", (door) => {
  const { service } = door;

  test("a token of 900 seconds is refused, one of 899 is not", async () => {
    await house.sim.advanceClock("899s");
    expect((await send(door)).code).toMatch(/^200/);
    await house.sim.advanceClock("1s");
    expect((await send(door)).code).toBe(`401${service}01`);
  });

  test("the same id and body meet the first answer under HTTP 409", async () => {
    const headers = { "x-external-id": externalId() };
    const text = JSON.stringify(door.body());
    const first = await send(door, { headers, text });
    const again = await send(door, { headers, text });
    expect([again.http, again.json]).toEqual([409, first.json]);
  });

  test("the same id with another body, or for another system, is a conflict", async () => {
    const headers = { "x-external-id": externalId() };
    await send(door, { headers });
    const text = JSON.stringify({ ...door.body(), more: "1" });
    expect(await send(door, { headers, text })).toMatchObject({ http: 409, code: `409${service}00` });
    const [other] = tables.filter((one) => one.signedBy === "secret" && one.path !== door.path);
    if (other === undefined) throw new Error("there are six such doors");
    expect(await send(other, { headers })).toMatchObject({ http: 409, code: `409${other.service}00` });
  });

  test("a customer token that is nobody's is refused where one is needed, and ignored elsewhere", async () => {
    const reply = await send(door, { headers: { "authorization-customer": "Bearer nobody" } });
    if (door.customer) expect(reply).toMatchObject({ http: 401, code: `401${service}02` });
    else expect(reply.code).toMatch(/^200/);
  });
});

/** What makes a customer token wrong, and the token that is then presented. */
const DEAD_TOKENS: readonly (readonly [name: string, token: () => string | Promise<string>])[] = [
  [
    "of a customer who unlinked",
    () => {
      house.sim.unlink(PHONE);
      return held.customerToken;
    },
  ],
  [
    "of fifteen days ago",
    async () => {
      await house.sim.advanceClock("15d");
      held.bearer = await house.client.gateway();
      return held.customerToken;
    },
  ],
  ["that is our own token", () => held.bearer],
  ["that is an authorisation", () => held.authCode],
  [
    "of a link that was ended by us",
    async () => {
      const { customerToken } = held;
      await house.client.call(PATHS.unbind, { tokenId: customerToken, additionalInfo: CHANNEL }, null);
      return customerToken;
    },
  ],
];
const byToken = tables.filter(({ customer, name }) => customer || name === "unbinding");
describe.each(byToken)("$name", (door) => {
  test.each(DEAD_TOKENS)("a customer token %s is refused", async (_name, token) => {
    const dead = await token();
    const reply = door.customer
      ? await send(door, { headers: { "authorization-customer": `Bearer ${dead}` } })
      : await send(door, { text: JSON.stringify({ ...door.body(), tokenId: dead }) });
    expect(reply).toMatchObject({ http: 401, code: `401${door.service}02` });
  });
});

test("a payment that names no pay options is taken: DOKU's page wants them, its libraries do not", async () => {
  const [door] = DOORS.filter(({ name }) => name === "payment");
  if (door === undefined) throw new Error("no such door");
  for (const payOptionDetails of [undefined, []]) {
    const plain = { ...payBody(`REF-${String(payOptionDetails)}-7`), payOptionDetails };
    expect(await send(door, { text: JSON.stringify(plain) })).toMatchObject({ code: "2005400" });
  }
});

test("a status may be asked by DOKU's own number", async () => {
  const [door] = DOORS.filter(({ name }) => name === "status");
  if (door === undefined) throw new Error("no such door");
  const first = await send(door);
  const { originalReferenceNo } = first.json as { originalReferenceNo?: string };
  const text = JSON.stringify({ originalReferenceNo, serviceCode: "55", amount: money(25_000) });
  expect(await send(door, { text })).toMatchObject({ code: "2005500" });
});
