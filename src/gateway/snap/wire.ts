import type { KeyObject } from "node:crypto";
import type { Instant } from "../../kernel/time.ts";
import type { Http, Outcome } from "./http.ts";
import { callSignature, tokenSignature, wireTimestamp } from "./signature.ts";

/** The calls we make on DOKU. */
export const PATHS = {
  ownToken: "/authorization/v1/access-token/b2b",
  customerToken: "/authorization/v1/access-token/b2b2c",
  binding: "/direct-debit/core/v1/registration-account-binding",
  balance: "/direct-debit/core/v1/balance-inquiry",
  payment: "/direct-debit/core/v1/debit/payment-host-to-host",
  status: "/orders/v1.0/debit/status",
  refund: "/direct-debit/core/v1/debit/refund",
  unbinding: "/direct-debit/core/v1/registration-account-unbinding",
} as const;

/** Who we are on the wire. */
export type WireIdentity = {
  readonly clientId: string;
  readonly secret: KeyObject;
  readonly privateKey: KeyObject;
  readonly now: () => Instant;
};

/** What a call carries besides its body. */
type Credentials = {
  readonly ownToken: string;
  readonly externalId: string;
  readonly customerToken?: string;
};

/** Posts a token call, signed with our private key. */
export function postForToken(
  http: Http,
  us: WireIdentity,
  call: { readonly path: string; readonly body: string; readonly timeoutMs?: number },
): Promise<Outcome> {
  const timestamp = wireTimestamp(us.now());
  const headers = {
    "X-TIMESTAMP": timestamp,
    "X-CLIENT-KEY": us.clientId,
    "X-SIGNATURE": tokenSignature(us.privateKey, us.clientId, timestamp),
  };
  return http.post({ ...call, headers });
}

/** Posts any other call once. Timestamp and signature are fresh, so the same body may be sent again later. */
export function postSigned(
  http: Http,
  us: WireIdentity,
  call: { readonly path: string; readonly body: string } & Credentials,
): Promise<Outcome> {
  const timestamp = wireTimestamp(us.now());
  const signed = { method: "POST", path: call.path, token: call.ownToken, timestamp };
  const headers = {
    "X-TIMESTAMP": timestamp,
    "X-SIGNATURE": callSignature(us.secret, signed, call.body),
    "X-PARTNER-ID": us.clientId,
    "X-EXTERNAL-ID": call.externalId,
    Authorization: `Bearer ${call.ownToken}`,
    ...(call.customerToken === undefined ? {} : { "Authorization-Customer": `Bearer ${call.customerToken}` }),
  };
  return http.post({ path: call.path, body: call.body, headers });
}
