import type { SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";

/** What people and the house do to a subscription; a new kind is added here and nowhere else. */
const SUBSCRIPTION_CHANGE_KINDS = [
  "created",
  "imported",
  "started",
  "cancel_planned",
  "cancel_taken_back",
  "canceled",
  "paused",
  "resumed",
  "held",
  "released",
  "skipped",
  "passed_over",
  "catch_up_chosen",
  "anchor_moved",
  "zone_changed",
  "plan_changed",
  "price_change_planned",
  "price_change_withdrawn",
  "discount_given",
  "discount_ended",
  "credit_given",
  "revived",
] as const;
export type SubscriptionChangeKind = (typeof SUBSCRIPTION_CHANGE_KINDS)[number];

/** One line of a subscription's timeline: who did what, when and why. */
export type NewSubscriptionChange = {
  readonly subscriptionId: SubscriptionId;
  readonly kind: SubscriptionChangeKind;
  /** Business time. */
  readonly at: Instant;
  /** The name of an API key, `cli`, or `house` for what is done by itself. */
  readonly actor: string;
  readonly reason: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};

export type SubscriptionChange = NewSubscriptionChange & {
  /** A bigint of PostgreSQL, kept as text; later changes have higher ones. */
  readonly id: string;
};

/** The actor of what the house does by itself. */
export const HOUSE_ACTOR = "house";
