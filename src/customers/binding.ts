import type { BindingId, CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";

export const BINDING_STATES = ["pending", "active", "suspended", "revoked", "failed", "expired"] as const;
export type BindingState = (typeof BINDING_STATES)[number];

/** A wallet owner's consent to be charged. Texts marked sealed have the context `bindings.<column>:<id>`. */
export type Binding = {
  readonly id: BindingId;
  readonly customerId: CustomerId;
  readonly phoneIndex: string;
  readonly state: BindingState;
  /** X-EXTERNAL-ID of the call that began it. */
  readonly externalId: string;
  /** Sealed. */
  readonly authCode: string | null;
  readonly authCodeIndex: string | null;
  readonly redirectUrl: string | null;
  readonly successUrl: string;
  readonly failedUrl: string;
  readonly gatewayReference: string | null;
  /** Sealed. */
  readonly customerToken: string | null;
  /** The wire's time, like both expiries: tokens live by the gateway's clock. */
  readonly customerTokenAt: Instant | null;
  readonly customerTokenExpiresAt: Instant | null;
  /** Sealed. */
  readonly refreshToken: string | null;
  readonly refreshExpiresAt: Instant | null;
  readonly reason: string | null;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly activatedAt: Instant | null;
  readonly suspendedAt: Instant | null;
  readonly endedAt: Instant | null;
};

type SealedColumn = "auth_code" | "customer_token" | "refresh_token";

/** The context that ties a sealed text to its column and row. */
export function sealContext(column: SealedColumn, id: BindingId): string {
  return `bindings.${column}:${id}`;
}

/** True while invoices may be collected with it, or may be again. */
export function isLive({ state }: Pick<Binding, "state">): boolean {
  return state === "active" || state === "suspended";
}

/** Why a binding ended that its customer began anew; the one reason after which it cannot be finished any more. */
export const SUPERSEDED = "linking was started anew";

/** True while the gateway may still confirm it. A consent that comes late is a consent, so an end may be taken back. */
export function isFinishable({ state, reason }: Pick<Binding, "state" | "reason">): boolean {
  return state === "pending" || ((state === "expired" || state === "failed") && reason !== SUPERSEDED);
}

/** A token is renewed this long before it ends, so that it outlives the calls it is fetched for. */
const TOKEN_MARGIN_MS = 60_000;
/** A token is exchanged at least this often, to learn of a customer who unlinked inside the OVO app. */
const TOKEN_MAX_AGE_MS = 24 * 3_600_000;

/** Whether the stored customer token may still be used at `wireNow`; a suspended binding always asks anew. */
export function tokenIsUsable(
  binding: Pick<Binding, "state" | "customerToken" | "customerTokenAt" | "customerTokenExpiresAt">,
  wireNow: Instant,
): boolean {
  const { state, customerToken, customerTokenAt: at, customerTokenExpiresAt: expiresAt } = binding;
  if (state !== "active" || customerToken === null || at === null || expiresAt === null) return false;
  const nowMs = wireNow.toMillis();
  return nowMs + TOKEN_MARGIN_MS <= expiresAt.toMillis() && nowMs < at.toMillis() + TOKEN_MAX_AGE_MS;
}

/** The gateway's word for "unlinked" is also its word for "your keys are wrong": one refusal proves nothing. */
const REVOKE_AFTER = { minutes: 5 };

/** What a refused exchange does to a live binding when our own keys are known to work. */
export function afterRefusal(
  binding: Pick<Binding, "state" | "suspendedAt">,
  now: Instant,
): "suspend" | "wait" | "revoke" {
  if (binding.state !== "suspended" || binding.suspendedAt === null) return "suspend";
  return now >= binding.suspendedAt.plus(REVOKE_AFTER) ? "revoke" : "wait";
}

/** Many wallets unlinked within minutes are no wallets unlinked: the gateway or our contract is at fault. */
const BREAKER = { suspended: 20, share: 0.05 };
export const BREAKER_WINDOW = { minutes: 10 };

/** True when so many bindings were suspended lately that none may be revoked for it. */
export function suspensionBreakerIsOpen(suspendedLately: number, active: number): boolean {
  return suspendedLately >= BREAKER.suspended && suspendedLately > BREAKER.share * (suspendedLately + active);
}
