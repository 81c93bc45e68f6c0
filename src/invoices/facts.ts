import type { BindingId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { SubscriptionState } from "../subscriptions/subscription.ts";
import { type Attempt, isLive } from "./attempt.ts";
import type { Invoice } from "./invoice.ts";

/** An order of ours or of a person that nothing may be sent. */
export type Stop = { readonly reason: string; readonly endsAt: Instant | null };

/** Everything a decision about one invoice may look at. */
export type Facts = {
  readonly invoice: Invoice;
  readonly attempts: readonly Attempt[];
  readonly subscription: {
    readonly state: SubscriptionState;
    readonly collectionHold: boolean;
    readonly reference: string;
    readonly planName: string;
  };
  readonly customerReference: string;
  /** The customer's live binding, or null. */
  readonly binding: { readonly id: BindingId; readonly state: "active" | "suspended" } | null;
  readonly stop: Stop | null;
};

/** What the meaning of news may depend on: who pays and how far it is, not whether anything may be sent. */
export type NewsFacts = Pick<Facts, "invoice" | "attempts" | "customerReference"> & {
  readonly subscription: Pick<Facts["subscription"], "state">;
};

/** The attempt that may still take money, if any. */
export function liveAttempt(facts: Pick<Facts, "attempts">): Attempt | null {
  return facts.attempts.find(isLive) ?? null;
}
