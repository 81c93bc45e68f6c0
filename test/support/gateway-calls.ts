import {
  createHash,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from "node:crypto";
import { onTestFinished } from "vitest";
import { inboundKeys } from "../../src/gateway/snap/inbound.ts";
import type { DeliveryId } from "../../src/kernel/ids.ts";
import { receiveRoutes } from "../../src/notifications/receive.routes.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { openHttpServer } from "../../src/platform/http-server.ts";
import { randomDigits, randomUuid } from "../../src/platform/random.ts";
import { realNow } from "../../src/platform/real-time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import type { TestDatabase } from "./db.ts";
import { database, logTo } from "./http.ts";

// The gateway's side is written here by hand, from its documentation and not with our own signing code.
export const CLIENT = "BRN-0000-0000000000001";
const SECRET = "SK-test-0123456789";
export const merchant = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const gateway = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });

export const NOTIFY = "/v1.0/debit/notify";
export const BINDING = "/v1.0/registration-account-binding/notify";
export const TOKEN = "/v1.0/access-token/b2b";
/** A proxy in front of us strips this, so it is signed but never seen. */
export const PUBLIC_PREFIX = "/pay";
export const REFERENCE = "06QBM3FWQ5ABYAVS9E9CTHKSXZ-1";

export type Headers = Record<string, string | undefined>;
export type Reply = { status: number; headers: Response["headers"]; json: Record<string, string> };

export type House = {
  readonly db: TestDatabase;
  readonly url: string;
  readonly rung: DeliveryId[][];
  readonly refusals: string[];
  readonly lines: Record<string, unknown>[];
};

/** Our doors over a fresh database with one payment attempt. */
export async function house(ring?: () => Promise<void>): Promise<House> {
  const db = await database();
  const rung: DeliveryId[][] = [];
  const refusals: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = logTo(lines);
  const keys = inboundKeys({
    clientId: CLIENT,
    callers: [CLIENT],
    secretKey: SECRET,
    privateKey: merchant.privateKey,
    dokuPublicKey: gateway.publicKey,
  });
  const rawRoutes = receiveRoutes({
    db,
    clock: systemClock,
    log,
    sealer: sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]),
    keys,
    publicUrl: `https://shop.example${PUBLIC_PREFIX}/`,
    ring: ring ?? (async (ids) => void rung.push([...ids])),
    countRefusal: (service, status) => void refusals.push(`${service} ${status}`),
  });
  const server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    db,
    log,
    apiKeys: [],
    apiRoutes: [],
    rawRoutes,
    readyChecks: [],
    farewellMs: 0,
  });
  onTestFinished(server.close);
  await db.begin(async (tx) => {
    // The attempt stands alone: what it is for does not matter at the door.
    await tx.query(`set local session_replication_role = replica`);
    await tx.query(
      `insert into payment_attempts (invoice_id, number, reference, amount, decision_id, created_at, last_sent_at)
       values ($1, 1, $2, 25000, 1, now(), now())`,
      [randomUuid(), REFERENCE],
    );
  });
  return { db, url: server.url, rung, refusals, lines };
}

export async function post(
  home: House,
  path: string,
  headers: Headers,
  body: string | Buffer,
): Promise<Reply> {
  const given = Object.entries(headers).filter(([, value]) => value !== undefined) as [string, string][];
  const response = await fetch(home.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...Object.fromEntries(given) },
    body,
  });
  return { status: response.status, headers: response.headers, json: JSON.parse(await response.text()) };
}

export const wireNow = () => `${realNow().toISO().slice(0, 19)}Z`;

export function tokenHeaders(
  key: KeyObject = gateway.privateKey,
  timestamp = wireNow(),
  client = CLIENT,
): Headers {
  const signature = sign("sha256", Buffer.from(`${client}|${timestamp}`), key).toString("base64");
  return { "X-CLIENT-KEY": client, "X-TIMESTAMP": timestamp, "X-SIGNATURE": signature };
}

export const GRANT = '{"grantType":"client_credentials"}';

export async function token(home: House): Promise<string> {
  const { json } = await post(home, TOKEN, tokenHeaders(), GRANT);
  return json["accessToken"] ?? "";
}

export function paid(status = "00", reference = REFERENCE): string {
  return JSON.stringify({
    originalPartnerReferenceNo: reference,
    originalReferenceNo: "FBpAp0000000000000000000000000X1",
    originalExternalId: "639719428470307511969472908117586067",
    latestTransactionStatus: status,
    transactionStatusDesc: "Success",
    amount: { value: "25000.00", currency: "IDR" },
    additionalInfo: { acquirerId: "OVO", custIdMerchant: "cust-001", channelId: "EMONEY_OVO_SNAP" },
  });
}

export type Notice = {
  readonly body?: string;
  /** The body that is signed, when it is not the one that is sent. */
  readonly signedBody?: string;
  readonly path?: string;
  readonly query?: string;
  readonly signedPath?: string;
  readonly secret?: string;
  readonly bearer?: string;
  /** The token in the signature, when it is not the bearer. */
  readonly signedToken?: string;
  readonly externalId?: string;
  readonly timestamp?: string;
  readonly without?: string;
};

export async function notify(home: House, notice: Notice = {}): Promise<Reply> {
  const { body = paid(), path = NOTIFY, query = "", timestamp = wireNow() } = notice;
  const bearer = notice.bearer ?? (await token(home));
  const hash = createHash("sha256")
    .update(notice.signedBody ?? body)
    .digest("hex");
  const signedPath = notice.signedPath ?? PUBLIC_PREFIX + path + query;
  const signature = createHmac("sha512", notice.secret ?? SECRET)
    .update(`POST:${signedPath}:${notice.signedToken ?? bearer}:${hash}:${timestamp}`)
    .digest("base64");
  const headers: Headers = {
    Authorization: `Bearer ${bearer}`,
    "X-TIMESTAMP": timestamp,
    "X-SIGNATURE": signature,
    "X-PARTNER-ID": CLIENT,
    "X-EXTERNAL-ID": notice.externalId ?? randomDigits(36),
  };
  if (notice.without !== undefined) headers[notice.without] = undefined;
  return post(home, path + query, headers, body);
}

export function inbox({ db }: House) {
  return db.query(
    `select kind, external_id, body, reference, signature_form, reused_id, state, problem, tries
     from inbox order by id limit 100`,
  );
}

export function exceptions({ db }: House) {
  return db.query(`select kind, reference, amount, says from exceptions order by id limit 100`);
}
