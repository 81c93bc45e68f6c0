import type { DeclineClass } from "../gateway/gateway.ts";

/** The decline classes that are tried again by days; the others wait for somebody, or for an hour. */
const LADDER_CLASSES = ["funds", "limit", "risk"] as const;
export type LadderClass = (typeof LADDER_CLASSES)[number];

/** Days after the first failure, or the 1st of the month after it (for limits that are counted by the month). */
export type LadderStep = number | "first_of_next_month";

/** Days of the week in the order of their ISO numbers, Monday first. */
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
type Weekday = (typeof WEEKDAYS)[number];

/** What becomes of the subscription when collecting by the ladder is over. */
export const END_ACTIONS = ["unpaid", "cancel", "pause", "carry_on", "write_off"] as const;
export type EndAction = (typeof END_ACTIONS)[number];

/** Times of day `HH:MM` in the policy's zone, from inclusive, to exclusive. */
export type Hours = { readonly from: string; readonly to: string };

/** How unpaid invoices are pursued: data that finance reads and changes. Every field changes a decision. */
export type DunningPolicy = {
  readonly code: string;
  readonly version: number;
  /** The zone of every day and time of day in it. */
  readonly zone: string;
  /** When a payment may leave; null: always. Inquiries are not bound by it. */
  readonly window: (Hours & { readonly days: readonly Weekday[] }) | null;
  /** First tries of a day are spread over these hours by invoice id; null: at the window's opening. */
  readonly spread: Hours | null;
  readonly balanceCheck: {
    readonly beforeCharge: "required" | "skip";
    /** When the balance cannot be read: wait once and then charge unseen, wait for the next step, or charge. */
    readonly onError: "wait_then_charge" | "wait" | "charge";
    readonly waitMinutes: number;
  };
  /** Looks at the balance between tries, at these times of day, ascending. */
  readonly probes: { readonly at: readonly string[]; readonly chargeWhenEnough: boolean };
  readonly limits: { readonly requestsPerBill: number; readonly requestsPerCustomerPerDay: number };
  readonly ladders: Readonly<Record<LadderClass, readonly LadderStep[]>>;
  /** Days of the month on which wallets fill up: a funds try moves on to one that is near. */
  readonly moneyDays: {
    readonly days: readonly (number | "last")[];
    readonly withinDays: number;
    readonly onHoliday: "next_working_day" | "none";
  };
  readonly end: {
    /** Days after the first failure. */
    readonly afterDays: number;
    readonly notAfter: "day_before_next_bill" | null;
    readonly action: EndAction;
  };
  /** Days after the first failure: access is full through `fullDays`, then limited, and stops on `limitedUntil`. */
  readonly grace: { readonly fullDays: number; readonly limitedUntil: number };
  readonly overlap: {
    /** Whether open invoices of one wallet share their days, or keep each its own. */
    readonly whenNextBillOpens: "together" | "separate";
    /** Whether a younger bill that the balance covers is paid while an older one that it does not is open. */
    readonly pay: "as_many_whole_bills_as_balance_allows" | "oldest_only";
  };
  readonly manual: { readonly retryNowPerCycle: number };
  /** Gaps between inquiries about an attempt in doubt, ms; then daily until `reviewAfterWorkingDays`. */
  readonly inquiryLadderMs: readonly number[];
  readonly reviewAfterWorkingDays: number;
  /** Whether the days of a hold count as days since the first failure. */
  readonly holdClock: "stops" | "runs";
};

/** The ladder of a decline class; null: it has none. An unclassified no is treated as a risk. */
export function ladderClassOf(declineClass: DeclineClass): LadderClass | null {
  switch (declineClass) {
    case "funds":
    case "limit":
    case "risk":
      return declineClass;
    case "unclassified":
      return "risk";
    case "window":
    case "binding":
    case "account":
    case "config":
      return null;
  }
}
