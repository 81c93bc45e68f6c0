import type { DeclineClass } from "../gateway/gateway.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { EndAction, LadderClass, LadderStep } from "./policy.ts";

/** A moment as it is stored: ISO 8601, UTC. */
export type Moment = string;

/** Why a planned day became a later one. */
export type Move = {
  readonly to: LocalDate;
  readonly because: "payday" | "holiday" | "window" | "customer_budget" | "asked_today";
};

/** Why the next step is what it is: a code and the facts it rests on. Plain JSON, as it is stored. */
export type Reason =
  | {
      readonly code: "first_try";
      readonly facts: { readonly planned_on: LocalDate; readonly moves: readonly Move[] };
    }
  | {
      readonly code: "ladder";
      readonly facts: {
        readonly class: LadderClass;
        readonly step: LadderStep;
        readonly planned_on: LocalDate;
        /** It is a money day, moved there or not. */
        readonly payday: boolean;
        readonly moves: readonly Move[];
      };
    }
  | {
      readonly code: "balance_enough";
      readonly facts: {
        readonly available: number;
        readonly amount: number;
        readonly moves: readonly Move[];
      };
    }
  | {
      readonly code: "balance_unread";
      readonly facts: { readonly failures: number; readonly unseen: boolean };
    }
  | { readonly code: "cut_off"; readonly facts: Record<string, never> }
  | {
      readonly code: "with_other_bill";
      readonly facts: { readonly invoice: string; readonly moves: readonly Move[] };
    }
  | { readonly code: "probe"; readonly facts: { readonly time: string } }
  | {
      readonly code: "end";
      readonly facts: {
        readonly ends_on: LocalDate;
        readonly because: "days_spent" | "next_bill";
        readonly action: EndAction;
      };
    }
  | { readonly code: "older_bill_first"; readonly facts: { readonly invoice: string } }
  | { readonly code: "doubt"; readonly facts: Record<string, never> }
  | { readonly code: "needs_method"; readonly facts: { readonly class: DeclineClass } }
  | { readonly code: "needs_person"; readonly facts: { readonly class: DeclineClass } };

/** Another step that was thought of, and why it was not taken. */
export type Rejected = {
  readonly what: "try" | "probe";
  /** The local day it would have been on. */
  readonly on: LocalDate;
  readonly why:
    | "bill_budget_spent"
    | "customer_budget_spent"
    | "asked_today"
    | "after_the_end"
    | "later_than_chosen"
    | "after_the_try";
};

/** What had just been seen when it was decided. */
export type Outcome =
  | { readonly kind: "nothing" }
  | { readonly kind: "declined"; readonly class: DeclineClass; readonly code: string }
  | { readonly kind: "balance"; readonly available: number }
  | { readonly kind: "unread"; readonly code: string };

/** All that explains a decision, as stored with it: whoever reads it later needs nothing else. */
export type Explanation = {
  readonly kind: "try" | "probe" | "end" | "wait";
  readonly rule: string;
  readonly policy: { readonly code: string; readonly version: number };
  readonly zone: string;
  readonly decided_at: Moment;
  readonly amount: number;
  readonly outcome: Outcome;
  readonly requests: {
    readonly of_bill: number;
    readonly of_bill_today: number;
    readonly of_customer_today: number;
  };
  readonly reason: Reason;
  /** The next of each kind, whether or not it is the next of all; null: there is none. */
  readonly next: {
    readonly at: Moment | null;
    readonly try_at: Moment | null;
    readonly try_because: Reason | null;
    readonly probe_at: Moment | null;
    readonly end_at: Moment | null;
  };
  readonly rejected: readonly Rejected[];
};
