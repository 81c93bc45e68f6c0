import type { LocalDate } from "../kernel/time.ts";
import {
  addUp,
  type Cell,
  type Column,
  type Heading,
  type Report,
  type Sum,
  sharesOf,
  type Table,
} from "./report.ts";

export const GROUPINGS = ["day", "week", "month"] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Where an invoice stands; it counts in the first of these that fits. */
const TERMS = {
  paid: "the money came",
  uncollectible: "given up; may still be paid",
  void: "withdrawn; nothing is owed",
  waiting_method: "open: the customer has no active wallet binding",
  waiting_person: "open: one of our people must look, also at an attempt in review",
  waiting_hold: "open: the subscription is paused or collection is on hold",
  waiting_customer: "open: the ladder is spent, the customer must act",
  pending_or_unknown: "open: an attempt whose outcome is not known; no other may begin",
  in_dunning: "open: declined or short of balance, and tried again by plan",
  not_yet_tried: "open: nothing yet that counts as the customer's failure",
} as const satisfies Record<string, string>;

type Term = keyof typeof TERMS;
const TERM_NAMES = Object.keys(TERMS) as Term[];
const OPEN_TERMS = TERM_NAMES.filter((term) => !["paid", "uncollectible", "void"].includes(term));

/** One group of invoices: same period, same term, same answers to "has it ever failed" and "paid by hand". */
export type TermRow = Sum & {
  readonly period: LocalDate;
  readonly term: Term;
  readonly failed: boolean;
  readonly byHand: boolean;
};

/** What is said of the invoices of one period besides their terms. */
const MEASURES = {
  invoiced: "every invoice whose bill date is in the period, counted once",
  ...TERMS,
  paid_first_try: "paid without a decline or a short balance before; also invoices of Rp 0",
  paid_by_retry: "paid after at least one decline or short balance: recovered",
  paid_by_hand: "paid another way than through the gateway, recorded by a person with its proof",
  ever_failed: "declined or short of balance at least once, whatever came later",
} as const;

type Measure = keyof typeof MEASURES;
type Measures = Readonly<Record<Measure, Sum>>;

export type CollectionFacts = {
  readonly rows: readonly TermRow[];
  /** Counted apart from the rows, to check them. */
  readonly invoiced: Sum;
  /** Counted from the payments by hand, to check the rows again. */
  readonly paidByHand: Sum;
  readonly grouping: Grouping;
};

/** How much of what was invoiced came in, how, and where the rest stands. Pure. */
export function collectionReport(
  scope: Omit<Heading, "name" | "title" | "kind" | "says">,
  { rows, invoiced, paidByHand, grouping }: CollectionFacts,
): Report {
  const total = { ...measure(rows), invoiced };
  const periods = [...new Set(rows.map((row) => row.period))].map((period) => ({
    period,
    ...measure(rows.filter((row) => row.period === period)),
  }));
  const firstTry = sharesOf(total.paid_first_try, total.invoiced);
  const recovery = sharesOf(total.paid_by_retry, total.ever_failed);
  return {
    heading: {
      ...scope,
      name: "collection",
      title: "Collection",
      kind: "photo",
      says: "a photo: where the invoices billed in this period stand at the time of the report",
    },
    tables: [termTable(total), rateTable(firstTry, recovery), periodTable(periods, grouping)],
    records: recordTable([{ period: "total", ...total }, ...periods]),
    facts: {
      group: grouping,
      total,
      first_try_success: { by_count: firstTry.byCount, by_money: firstTry.byMoney },
      recovery_rate: { by_count: recovery.byCount, by_money: recovery.byMoney },
      periods,
      definitions: { ...MEASURES, first_try_success: FIRST_TRY_SAYS, recovery_rate: RECOVERY_SAYS },
    },
    checks: [
      {
        says: "invoiced = paid + uncollectible + void + waiting + pending or unknown + in dunning + not yet tried",
        left: total.invoiced,
        right: addUp(TERM_NAMES.map((term) => total[term])),
      },
      { says: "paid by hand = payments by hand in force", left: total.paid_by_hand, right: paidByHand },
    ],
  };
}

const FIRST_TRY_SAYS = "paid at the first planned try ÷ invoiced";
const RECOVERY_SAYS = "paid by retry ÷ ever failed; what is still open counts as not recovered yet";

function measure(rows: readonly TermRow[]): Measures {
  const where = (holds: (row: TermRow) => boolean) => addUp(rows.filter(holds));
  const terms = Object.fromEntries(TERM_NAMES.map((term) => [term, where((row) => row.term === term)]));
  return {
    invoiced: addUp(rows),
    ...(terms as Record<Term, Sum>),
    paid_first_try: where((row) => row.term === "paid" && !row.byHand && !row.failed),
    paid_by_retry: where((row) => row.term === "paid" && !row.byHand && row.failed),
    paid_by_hand: where((row) => row.term === "paid" && row.byHand),
    ever_failed: where((row) => row.failed),
  };
}

function termTable(total: Measures): Table {
  const row = (label: string, measured: Measure): Cell[] => {
    const { n, amount } = total[measured];
    return [label, n, amount, sharesOf(total[measured], total.invoiced).byMoney, MEASURES[measured]];
  };
  return {
    title: "Where the money stands",
    columns: [
      text("term", ""),
      count("n", "n"),
      money("amount", "amount"),
      { key: "share", label: "of money", kind: "share" },
      text("definition", "what it counts"),
    ],
    rows: [
      row("invoiced", "invoiced"),
      ...TERM_NAMES.map((term) => row(`  ${words(term)}`, term)),
      row("of paid: first try", "paid_first_try"),
      row("of paid: by retry", "paid_by_retry"),
      row("of paid: by hand", "paid_by_hand"),
      row("ever failed", "ever_failed"),
    ],
  };
}

type Shares = ReturnType<typeof sharesOf>;

function rateTable(firstTry: Shares, recovery: Shares): Table {
  return {
    title: "Rates",
    columns: [
      text("rate", ""),
      { key: "by_count", label: "by count", kind: "share" },
      { key: "by_money", label: "by money", kind: "share" },
      text("definition", "what it means"),
    ],
    rows: [
      ["first-try success", firstTry.byCount, firstTry.byMoney, FIRST_TRY_SAYS],
      ["recovery rate", recovery.byCount, recovery.byMoney, RECOVERY_SAYS],
    ],
  };
}

type PeriodMeasures = Measures & { readonly period: string };

function periodTable(periods: readonly PeriodMeasures[], grouping: Grouping): Table {
  return {
    title: `By ${grouping} of the bill date`,
    columns: [
      text("period", grouping === "day" ? "day" : `${grouping} from`),
      count("invoiced_n", "n"),
      money("invoiced", "invoiced"),
      money("paid_first_try", "paid first try"),
      money("paid_by_retry", "paid by retry"),
      money("paid_by_hand", "paid by hand"),
      money("open", "still open"),
      money("given_up", "uncollectible"),
      money("void", "void"),
    ],
    rows: periods.map((each) => [
      each.period,
      each.invoiced.n,
      each.invoiced.amount,
      each.paid_first_try.amount,
      each.paid_by_retry.amount,
      each.paid_by_hand.amount,
      addUp(OPEN_TERMS.map((term) => each[term])).amount,
      each.uncollectible.amount,
      each.void.amount,
    ]),
  };
}

function recordTable(periods: readonly PeriodMeasures[]): Table {
  const measures = Object.keys(MEASURES) as Measure[];
  return {
    title: "",
    columns: [
      text("period", ""),
      text("measure", ""),
      count("n", ""),
      money("amount", ""),
      text("definition", ""),
    ],
    rows: periods.flatMap((each) =>
      measures.map((name): Cell[] => [each.period, name, each[name].n, each[name].amount, MEASURES[name]]),
    ),
  };
}

function words(term: Term): string {
  return term.replace(/^waiting_/, "waiting: ").replaceAll("_", " ");
}

function text(key: string, label: string): Column {
  return { key, label, kind: "text" };
}

function count(key: string, label: string): Column {
  return { key, label, kind: "count" };
}

function money(key: string, label: string): Column {
  return { key, label, kind: "rupiah" };
}
