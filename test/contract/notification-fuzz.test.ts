import { createHash, createHmac, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import {
  type InboundCall,
  inboundKeys,
  issueToken,
  verifyNotification,
  verifyTokenCall,
} from "../../src/gateway/snap/inbound.ts";
import { readBindingNotice, readPaymentNotice } from "../../src/gateway/snap/notices.ts";
import { tokenSignature } from "../../src/gateway/snap/signature.ts";
import { instant } from "../../src/kernel/time.ts";

const RUNS = 100_000;
const TOKEN_RUNS = 5_000;
const SEED = 20_250_115;
const CLIENT = "BRN-0000-0000000000001";
const SECRET = "SK-TestOnlySecret0000001";
const now = instant(new Date("2025-01-15T05:06:07Z"));
const merchant = generateKeyPairSync("rsa", { modulusLength: 2048 });
const doku = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const keys = inboundKeys({
  clientId: CLIENT,
  callers: [CLIENT],
  secretKey: SECRET,
  privateKey: merchant.privateKey,
  dokuPublicKey: doku.publicKey,
});

/** mulberry32: the same mutations on every machine. */
function randomFrom(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  return { below, one };
}
type Random = ReturnType<typeof randomFrom>;

type Signed = {
  readonly text: string;
  readonly path: string;
  readonly token: string;
  readonly timestamp: string;
  readonly signature: string;
};
/** A notification on its way through a stranger's hands. */
type Draft = { body: Buffer; path: string; headers: Record<string, string | string[] | undefined> };

function signedBy(secret: string, sent: Omit<Signed, "signature">, hashed: string): string {
  const hash = createHash("sha256").update(hashed).digest("hex");
  const text = `POST:${sent.path}:${sent.token}:${hash}:${sent.timestamp}`;
  return createHmac("sha512", secret).update(text).digest("base64");
}

/** What DOKU really sent, in each spelling that its libraries use. */
async function genuineOnes(): Promise<Signed[]> {
  const tokens: string[] = [];
  for (const _ of [1, 2, 3]) tokens.push(JSON.parse((await issueToken(keys, CLIENT, now)).body).accessToken);
  const made: Signed[] = [];
  for (let index = 0; index < 48; index += 1) {
    const isBinding = index % 4 === 3;
    const body = isBinding ? bindingBody(index) : paymentBody(index);
    const compact = JSON.stringify(body);
    const sent = [
      compact,
      JSON.stringify(body, null, 2),
      compact.replaceAll("/", "\\/").replaceAll("é", "\\u00e9"),
    ][index % 3] as string;
    const hashed = index % 2 === 0 && index % 3 === 1 ? sent : compact;
    const call = {
      text: sent,
      path: isBinding ? "/v1.0/registration-account-binding/notify" : "/hook/v1.0/debit/notify?tenant=7",
      token: tokens[index % tokens.length] as string,
      timestamp: index % 2 === 0 ? "2025-01-15T12:06:07+07:00" : `2025-01-15T05:06:${10 + index}Z`,
    };
    made.push({ ...call, signature: signedBy(SECRET, call, hashed) });
  }
  return made;
}

function paymentBody(index: number) {
  return {
    originalPartnerReferenceNo: `01ARZ3NDEKTSV4RRFFQ69G5FAV-${index}`,
    originalReferenceNo: `FBpAp${index}`,
    latestTransactionStatus: index % 5 === 0 ? "06" : "00",
    transactionStatusDesc: "Succès / fée",
    amount: { value: `${25_000 + index}.00`, currency: "IDR" },
    additionalInfo: {
      acquirerId: "OVO",
      custIdMerchant: `cust-${index}`,
      channelId: "EMONEY_OVO_SNAP",
      n: 1.5,
    },
  };
}

function bindingBody(index: number) {
  return {
    originalExternalId: `6397194284703075${index}`,
    additionalInfo: { status: "SUCCESS", custIdMerchant: `cust-${index}`, authCode: `auth/${index}` },
  };
}

function draftOf({ text, path, token, timestamp, signature }: Signed): Draft {
  return {
    body: Buffer.from(text),
    path,
    headers: {
      authorization: `Bearer ${token}`,
      "x-timestamp": timestamp,
      "x-signature": signature,
      "x-partner-id": CLIENT,
      "x-external-id": "639719428470307511969472908117586067",
    },
  };
}

type Mutation = (draft: Draft, random: Random, others: readonly Signed[]) => void;
const withBody =
  (change: (text: string, random: Random) => string): Mutation =>
  (draft, random) => {
    draft.body = Buffer.from(change(draft.body.toString("utf8"), random));
  };
const withBytes =
  (change: (bytes: Buffer, random: Random) => Buffer): Mutation =>
  (draft, random) => {
    if (draft.body.length > 0) draft.body = change(Buffer.from(draft.body), random);
  };
const withHeader =
  (name: string, change: (value: string, random: Random) => string | string[] | undefined): Mutation =>
  (draft, random) => {
    draft.headers[name] = change(String(draft.headers[name] ?? ""), random);
  };
const splice = (text: string, at: number, gone: number, put: string) =>
  text.slice(0, at) + put + text.slice(at + gone);

const FORGED_FIELDS = [
  '"latestTransactionStatus":"00"',
  '"amount":{"value":"1.00","currency":"IDR"}',
  '"originalPartnerReferenceNo":"OTHER-1"',
  '"additionalInfo":{"status":"SUCCESS"}',
  '"__proto__":{"latestTransactionStatus":"00"}',
  '"latest\\u0054ransactionStatus":"00"',
];
const NAMES = ["authorization", "x-timestamp", "x-signature", "x-partner-id", "x-external-id"] as const;
const JUNK = ["", " ", "\n", "\0", "=", "==", "A", "é", "\u2028", "%00", "'", "\ud800"];

const MUTATIONS: readonly Mutation[] = [
  withBytes((bytes, random) => {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  }),
  withBytes((bytes, random) => bytes.subarray(0, random.below(bytes.length))),
  withBytes((bytes, random) => {
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([random.below(256)]), bytes.subarray(at)]);
  }),
  withBytes((bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])),
  withBody((text, random) => splice(text, random.below(text.length + 1), random.below(6), "")),
  withBody((text) => text.replace('"06"', '"00"')),
  withBody((text, random) => text.replace(/\d(?=\.00)/, String(random.below(10)))),
  withBody((text, random) => text.replace(/-\d+"/, `-${random.below(99)}"`)),
  withBody((text, random) => text.replace("{", `{${random.one(FORGED_FIELDS)},`)),
  withBody((text, random) => text.replace(/}\s*$/, `,${random.one(FORGED_FIELDS)}}`)),
  withBody((text) => `${text}${text}`),
  withBody((text) => `[${text}]`),
  withBody((text, random) =>
    text.replace(/[:,{]/g, (mark) => (random.below(3) === 0 ? `${mark} \t\n` : mark)),
  ),
  withBody((text) => JSON.stringify(JSON.parse(text || "{}"))),
  withBody((text, random) =>
    text.replace(/[a-z]/, (letter) =>
      random.below(2) === 0 ? letter.toUpperCase() : `\\u00${letter.charCodeAt(0).toString(16)}`,
    ),
  ),
  withBody((text, random) => text.replace(/"(\d+)\.00"/, random.one(['"$1"', "$1.00", '"$1.000"', "$1e0"]))),
  withBody((_text, random) => "[".repeat(1 + random.below(1000))),
  withBody((text) => text.replace("{", `{"deep":${'{"a":'.repeat(200)}1${"}".repeat(200)},`)),
  (draft, random, others) => {
    draft.body = Buffer.from(random.one(others).text);
  },
  (draft, random, others) => {
    draft.headers["x-signature"] = random.one(others).signature;
  },
  (draft, random, others) => {
    draft.headers["authorization"] = `Bearer ${random.one(others).token}`;
  },
  (draft, random, others) => {
    draft.headers["x-timestamp"] = random.one(others).timestamp;
  },
  (draft, random, others) => {
    draft.path = random.one([
      random.one(others).path,
      `${draft.path}&a=1`,
      draft.path.replace("/hook", ""),
      "",
    ]);
  },
  (draft) => {
    // A stranger's best: everything right, except that it does not know the secret.
    const token = String(draft.headers["authorization"]).slice("Bearer ".length);
    const timestamp = String(draft.headers["x-timestamp"]);
    const text = draft.body.toString("utf8").replace('"06"', '"00"');
    draft.body = Buffer.from(text);
    draft.headers["x-signature"] = signedBy("SK-guess", { text, path: draft.path, token, timestamp }, text);
  },
  withHeader("x-timestamp", (_value, random) =>
    random.one([
      "2025-01-15T05:06:07Z",
      "2025-01-15T05:06:07.0Z",
      "2025-01-15T05:06:07-00:00",
      "now",
      "2025-13-40T99:99:99Z",
    ]),
  ),
  withHeader("x-signature", (value, random) => {
    const at = random.below(value.length + 1);
    return random.one([
      splice(value, at, 1, random.one(["A", "a", "/", "+"])),
      value.toLowerCase(),
      value.replace(/\+/g, "-").replace(/\//g, "_"),
      value.replace(/=+$/, ""),
      `${value}${random.one(JUNK)}`,
      "",
    ]);
  }),
  withHeader("authorization", (value, random) => {
    const at = random.below(value.length + 1);
    return random.one([
      splice(value, at, 1, random.one(["A", ".", "_", " "])),
      value.replace("Bearer", "bearer"),
      value.replace("Bearer", "Basic"),
      value.replace(/\.[^.]*$/, "."),
      value.replace(/^Bearer [^.]*/, `Bearer ${Buffer.from('{"alg":"none"}').toString("base64url")}`),
      `${value}${random.one(JUNK)}`,
    ]);
  }),
  (draft, random) => {
    draft.headers[random.one(NAMES)] = undefined;
  },
  (draft, random) => {
    const name = random.one(NAMES);
    const value = String(draft.headers[name]);
    draft.headers[name] = random.one([
      [value, value],
      `${value}, ${value}`,
      value + random.one(JUNK),
      value.trim(),
    ]);
  },
  withHeader("x-external-id", (_value, random) =>
    random.one(["1", "abc", "9".repeat(64), "9".repeat(65), "é"]),
  ),
];

/** True when two parsers could read `text` differently; counted apart from the product's own check. */
function repeatsKeys(text: string): boolean {
  const named = text.match(/"(?:[^"\\]|\\.)*"\s*:/gs)?.length ?? 0;
  return named !== countKeys(JSON.parse(text));
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, inner) => sum + countKeys(inner), own);
}

const squeezed = (text: string) =>
  text.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, (_, kept?: string) => kept ?? "");

/** Why an accepted call is not what DOKU signed, or null. */
function forgery(
  { headers, rawBody, path }: InboundCall,
  genuine: ReadonlyMap<string, Signed>,
): string | null {
  const original = genuine.get(String(headers["x-signature"]));
  if (original === undefined) return "nobody made this signature";
  const text = rawBody.toString("utf8");
  if (path !== original.path) return `path ${path}`;
  if (headers["x-timestamp"] !== original.timestamp) return `moment ${headers["x-timestamp"]}`;
  if (!/^bearer /i.test(String(headers["authorization"]))) return "no bearer";
  if (String(headers["authorization"]).slice("Bearer ".length) !== original.token) return "another token";
  if (headers["x-partner-id"] !== CLIENT) return "another partner";
  if (JSON.stringify(JSON.parse(text)) !== JSON.stringify(JSON.parse(original.text))) return `says ${text}`;
  return repeatsKeys(text) && squeezed(text) !== squeezed(original.text) ? `repeats a key: ${text}` : null;
}

test(`of ${RUNS} mutated notifications none crashes us, and no forged one is accepted`, async () => {
  const random = randomFrom(SEED);
  const originals = await genuineOnes();
  const genuine = new Map(originals.map((one) => [one.signature, one]));
  for (const one of originals) {
    const { body, path, headers } = draftOf(one);
    const verified = await verifyNotification(keys, "56", { rawBody: body, path, headers }, now);
    expect(verified.kind).toBe("verified");
  }

  const tally = { refused: 0, harmless: 0, forged: [] as string[], crashed: [] as string[] };
  for (let run = 0; run < RUNS; run += 1) {
    const draft = draftOf(random.one(originals));
    for (let times = 1 + random.below(3); times > 0; times -= 1) {
      try {
        random.one(MUTATIONS)(draft, random, originals);
      } catch {
        // A mutation of what is no JSON any more changes nothing.
      }
    }
    const call = { headers: draft.headers, rawBody: draft.body, path: draft.path };
    try {
      const verified = await verifyNotification(keys, run % 2 === 0 ? "56" : "07", call, now);
      // What reads a notice must bear anything, also what has not been verified.
      readPaymentNotice(call.rawBody);
      readBindingNotice(call.rawBody);
      const wrong = verified.kind === "verified" ? forgery(call, genuine) : null;
      if (wrong !== null) tally.forged.push(`run ${run}: ${wrong}`);
      else if (verified.kind === "verified") tally.harmless += 1;
      else tally.refused += 1;
    } catch (error) {
      tally.crashed.push(`run ${run}: ${String(error)}`);
    }
  }
  const { refused, harmless, forged } = tally;
  console.log(
    `${RUNS} mutated: ${refused} refused, ${harmless} not changed in what they say, ${forged.length} forged`,
  );
  expect(tally.crashed.slice(0, 5)).toEqual([]);
  expect(tally.forged.slice(0, 5)).toEqual([]);
  // Were everything refused, the test would prove nothing.
  expect(tally.harmless).toBeGreaterThan(RUNS / 100);
  expect(tally.refused).toBeGreaterThan(RUNS / 2);
}, 120_000);

test("no genuine notification is accepted once its token is over, or with a token of somebody else", async () => {
  const originals = await genuineOnes();
  const claims = { iss: "tagih", aud: CLIENT, exp: Math.floor(now.toSeconds()) + 900, jti: "1" };
  const foreign = await new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(stranger.privateKey);
  for (const one of originals) {
    const { body, path, headers } = draftOf(one);
    const late = await verifyNotification(
      keys,
      "56",
      { rawBody: body, path, headers },
      now.plus({ seconds: 900 }),
    );
    expect(late.kind).toBe("refused");
    const signature = signedBy(SECRET, { ...one, token: foreign }, one.text);
    const swapped = { ...headers, authorization: `Bearer ${foreign}`, "x-signature": signature };
    const answer = await verifyNotification(keys, "56", { rawBody: body, path, headers: swapped }, now);
    expect(answer.kind).toBe("refused");
  }
});

test(`of ${TOKEN_RUNS} mutated token calls none crashes us, and none gets a token unless DOKU signed it`, () => {
  const random = randomFrom(SEED + 1);
  const timestamp = "2025-01-15T12:06:07+07:00";
  const signature = tokenSignature(doku.privateKey, CLIENT, timestamp);
  const mutate = (value: string) => {
    const at = random.below(value.length + 1);
    return random.one([
      value,
      splice(value, at, 1, random.one(["A", "=", " ", "-"])),
      value + random.one(JUNK),
      "",
      value.toLowerCase(),
    ]);
  };
  let accepted = 0;
  for (let run = 0; run < TOKEN_RUNS; run += 1) {
    const headers = {
      "x-client-key": random.below(3) === 0 ? mutate(CLIENT) : CLIENT,
      "x-timestamp": random.below(3) === 0 ? mutate(timestamp) : timestamp,
      "x-signature": random.below(3) === 0 ? mutate(signature) : signature,
    };
    const rawBody = Buffer.from('{"grantType":"client_credentials"}');
    const { kind } = verifyTokenCall(keys, { headers, rawBody, path: "/v1.0/access-token/b2b" });
    if (kind !== "verified") continue;
    accepted += 1;
    expect(Object.values(headers)).toEqual([CLIENT, timestamp, signature]);
  }
  expect(accepted).toBeGreaterThan(TOKEN_RUNS / 10);
});
