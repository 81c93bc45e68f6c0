import type { Broken } from "../invariants/rule.ts";
import type { FaultLevel } from "./population.ts";

/** What a simulated life is asked for. */
export type LifeOrder = {
  readonly seed: number;
  readonly subscriptions: number;
  readonly months: number;
  readonly faults: FaultLevel;
  readonly workers: number;
  /** The gateway takes the same reference twice, as a broken one would. */
  readonly lenient: boolean;
};

/** What became of the invoices that a month billed. */
export type MonthOutcome = {
  /** `YYYY-MM`. */
  readonly month: string;
  readonly invoices: number;
  readonly paid: number;
  readonly paid_first_try: number;
  /** Paid after at least one try had failed, or the wallet was short. */
  readonly recovered: number;
  /** At least one try failed for want of money or of consent. */
  readonly declined: number;
  readonly in_dunning: number;
  /** Open, and with a person, without a wallet, or held. */
  readonly waiting: number;
  /** Whole rupiah of the paid ones. */
  readonly amount: number;
};

/** What is counted while a life is lived. */
export type LifeCounts = {
  /** Processes that died, and that stood still for a while. */
  deaths: number;
  sleeps: number;
  deadlocks: number;
  /** Payments that left without a committed request row, or without a lease that ran. */
  unwritten_sends: number;
  unleased_sends: number;
  /** News that PostgreSQL would not take. */
  refused_evidence: number;
  /** What people had the merchant do, and what was refused to them. */
  wishes: number;
  refusals: number;
};

/** The sums of all months. */
type Totals = Pick<
  MonthOutcome,
  "invoices" | "paid" | "paid_first_try" | "recovered" | "declined" | "in_dunning"
>;

/** What a simulated life came to. Money is whole rupiah; seconds are real. */
export type SimulationOutcome = LifeOrder &
  Totals &
  Readonly<LifeCounts> & {
    /** Invoices for which the gateway's ledger shows more than one payment that nobody gave back. */
    readonly double_charges: number;
    /** Things that were left undone, or money that nobody knows of: found by a rule. */
    readonly lost: number;
    readonly digest: string;
    readonly seconds: number;
    readonly days: number;
    readonly steps: number;
    /** Failures of bells, beats and calls that are no answer to anybody, by their words. */
    readonly surprises: Readonly<Record<string, number>>;
    readonly by_month: readonly MonthOutcome[];
    /** The first rule that broke, where one did. */
    readonly broken: Break | null;
  };

/** The first break of a life, with everything that is known about it. */
export type Break = Broken & {
  readonly rule: string;
  readonly day: string;
  readonly story: readonly string[];
  /** The command that lives this life again. */
  readonly repeat: string;
};

/** The command line of an order. */
export function commandOf({ subscriptions, months, seed, faults, workers, lenient }: LifeOrder): string {
  return `tagih simulate --subscriptions ${subscriptions} --months ${months} --seed ${seed} --faults ${faults} --workers ${workers}${lenient ? " --lenient" : ""}`;
}

/** Whether everything held: no rule broke, and every counter that must be 0 is. */
export function isWhole(outcome: SimulationOutcome): boolean {
  const { double_charges, deadlocks, unwritten_sends, unleased_sends, refused_evidence } = outcome;
  const counters = [double_charges, deadlocks, unwritten_sends, unleased_sends, refused_evidence];
  return outcome.broken === null && counters.every((count) => count === 0);
}
