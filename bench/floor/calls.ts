// The two calls of a charge, straight on undici's pool.
import type { KeyObject } from "node:crypto";
import { createPrivateKey } from "node:crypto";
import { Pool } from "undici";
import { callSignature, PATHS, secretOf, tokenSignature, wireTimestamp } from "../gateway/wire.ts";
import type { FloorSettings } from "./settings.ts";

const BALANCE_BODY = JSON.stringify({ additionalInfo: { channel: "EMONEY_OVO_SNAP" } });
const CUSTOMER_TOKEN = "c".repeat(64);

export type Calls = {
  /** What a wallet has. */
  balance(): Promise<number>;
  pay(externalId: string, body: string): Promise<{ code: string; gatewayReference: string; raw: string }>;
};

export async function openCalls(settings: FloorSettings): Promise<Calls> {
  const pool = new Pool(settings.gatewayUrl, { connections: settings.connections, keepAliveTimeout: 60_000 });
  const secret = secretOf(settings.secretKey);
  const token = await fetchToken(pool, settings);
  const post = (path: string, externalId: string, body: string) =>
    send(pool, { path, body, headers: headersOf(settings, secret, { token, path, externalId }, body) });
  return {
    balance: async () => {
      const raw = await post(PATHS.balance, nextExternalId(), BALANCE_BODY);
      const answer = JSON.parse(raw) as { accountInfos: { availableBalance: { value: string } }[] };
      return Number(answer.accountInfos[0]?.availableBalance.value);
    },
    pay: async (externalId, body) => {
      const raw = await post(PATHS.payment, externalId, body);
      const answer = JSON.parse(raw) as { responseCode: string; referenceNo: string };
      return { code: answer.responseCode, gatewayReference: answer.referenceNo, raw };
    },
  };
}

let made = 0;

/** Unique, and as long as the product's. */
export function nextExternalId(): string {
  made += 1;
  return `${Date.now()}${made.toString().padStart(23, "0")}`;
}

function headersOf(
  { clientId }: FloorSettings,
  secret: KeyObject,
  call: { readonly token: string; readonly path: string; readonly externalId: string },
  body: string,
): Record<string, string> {
  const timestamp = wireTimestamp();
  return {
    "Content-Type": "application/json",
    "X-TIMESTAMP": timestamp,
    "X-SIGNATURE": callSignature(secret, { ...call, timestamp }, body),
    "X-PARTNER-ID": clientId,
    "X-EXTERNAL-ID": call.externalId,
    Authorization: `Bearer ${call.token}`,
    "Authorization-Customer": `Bearer ${CUSTOMER_TOKEN}`,
  };
}

async function send(
  pool: Pool,
  call: { readonly path: string; readonly body: string; readonly headers: Record<string, string> },
): Promise<string> {
  const answer = await pool.request({ method: "POST", ...call });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${call.path} answered ${answer.statusCode}: ${text}`);
  return text;
}

async function fetchToken(pool: Pool, { clientId, privateKey }: FloorSettings): Promise<string> {
  const timestamp = wireTimestamp();
  const signature = tokenSignature(createPrivateKey(privateKey), clientId, timestamp);
  const headers = { "X-TIMESTAMP": timestamp, "X-CLIENT-KEY": clientId, "X-SIGNATURE": signature };
  const raw = await send(pool, { path: PATHS.ownToken, body: `{"grantType":"client_credentials"}`, headers });
  return (JSON.parse(raw) as { accessToken: string }).accessToken;
}
