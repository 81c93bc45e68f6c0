// Tells the merchant of every payment, as DOKU does: a token of the merchant's first, then signed calls.
import { createPrivateKey } from "node:crypto";
import { Pool } from "undici";
import { callSignature, noticeBody, type Payment, secretOf, tokenSignature, wireTimestamp } from "./wire.ts";

const TOKEN_PATH = "/v1.0/access-token/b2b";
export const NOTIFY_PATH = "/v1.0/debit/notify";
/** Notifications on the wire at once. */
const IN_FLIGHT = 100;
const RETRY_AFTER_MS = 200;
const TRIES = 20;

export type Notifier = {
  tell(payment: Payment): void;
  /** Notifications that the merchant answered with 200, and tries that it did not, since the last reset. */
  summary(): { readonly delivered: number; readonly failedTries: number; readonly givenUp: number };
  reset(): void;
};

type Merchant = {
  readonly url: string;
  readonly clientId: string;
  readonly secretKey: string;
  readonly privateKey: string;
};

export function openNotifier({ url, clientId, secretKey, privateKey }: Merchant): Notifier {
  const pool = new Pool(url, { connections: IN_FLIGHT, keepAliveTimeout: 60_000 });
  const secret = secretOf(secretKey);
  const counts = { delivered: 0, failedTries: 0, givenUp: 0 };
  const waiting: Payment[] = [];
  let waitingFrom = 0;
  let inFlight = 0;
  let made = 0;
  let token: Promise<string> | null = null;

  const post = (path: string, headers: Record<string, string>, body: string) =>
    pool.request({ method: "POST", path, headers: { "content-type": "application/json", ...headers }, body });

  const askToken = async (): Promise<string> => {
    const timestamp = wireTimestamp();
    const signature = tokenSignature(createPrivateKey(privateKey), clientId, timestamp);
    const headers = { "x-client-key": clientId, "x-timestamp": timestamp, "x-signature": signature };
    const answer = await post(TOKEN_PATH, headers, JSON.stringify({ grantType: "client_credentials" }));
    const text = await answer.body.text();
    if (answer.statusCode !== 200)
      throw new Error(`the merchant gave no token: ${answer.statusCode} ${text}`);
    return (JSON.parse(text) as { accessToken: string }).accessToken;
  };

  const deliver = async (body: string, externalId: string): Promise<boolean> => {
    token ??= askToken();
    const bearer = await token;
    const timestamp = wireTimestamp();
    const headers = {
      authorization: `Bearer ${bearer}`,
      "x-timestamp": timestamp,
      "x-signature": callSignature(secret, { path: NOTIFY_PATH, token: bearer, timestamp }, body),
      "x-partner-id": clientId,
      "x-external-id": externalId,
    };
    const answer = await post(NOTIFY_PATH, headers, body);
    await answer.body.dump();
    if (answer.statusCode === 401) token = null;
    return answer.statusCode === 200;
  };

  const deliverSurely = async (payment: Payment): Promise<void> => {
    made += 1;
    const externalId = `${Date.now()}${made.toString().padStart(23, "0")}`;
    const body = noticeBody(payment);
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const taken = await deliver(body, externalId).catch(() => {
        token = null;
        return false;
      });
      if (taken) {
        counts.delivered += 1;
        return;
      }
      counts.failedTries += 1;
      await new Promise((resume) => setTimeout(resume, RETRY_AFTER_MS));
    }
    counts.givenUp += 1;
  };

  const pump = (): void => {
    while (inFlight < IN_FLIGHT && waitingFrom < waiting.length) {
      const payment = waiting[waitingFrom] as Payment;
      waitingFrom += 1;
      inFlight += 1;
      void deliverSurely(payment).finally(() => {
        inFlight -= 1;
        pump();
      });
    }
    if (waitingFrom === waiting.length) {
      waiting.length = 0;
      waitingFrom = 0;
    }
  };

  return {
    tell: (payment) => {
      waiting.push(payment);
      pump();
    },
    summary: () => ({ ...counts }),
    reset: () => {
      counts.delivered = 0;
      counts.failedTries = 0;
      counts.givenUp = 0;
    },
  };
}
