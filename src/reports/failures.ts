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

/** Where among its invoice's tries a failure stands; `only` is first and last at once. */
const PLACES = {
  only: "the invoice's only try so far",
  first: "the first of several tries",
  between: "neither the first nor the last try",
  last: "the latest of several tries",
} as const;

/** Tries that failed for the same reason, at the same place, under the same plan. */
export type FailureRow = Sum & {
  /** False: the balance check said no, and no payment request left. */
  readonly asked: boolean;
  /** A decline class, or `none` for an attempt that never left. */
  readonly class: string;
  readonly code: string;
  readonly place: keyof typeof PLACES;
  readonly plan: string;
};

export type FailureFacts = {
  readonly rows: readonly FailureRow[];
  /** Counted apart from the rows, to check them. */
  readonly failedAttempts: Sum;
  readonly notAsked: Sum;
};

const DEFINITIONS = {
  refused: "attempts that ended in a definite no; money is counted once a try, not once an invoice",
  not_asked: "balance checks after which no payment request left",
  class:
    "funds, limit, window, binding, account, risk, config, unclassified; none: an attempt that never left",
  place: Object.entries(PLACES)
    .map(([place, says]) => `${place}: ${says}`)
    .join("; "),
} as const;

/** Why tries failed: class × code × place × plan. Pure. */
export function failureReport(
  scope: Omit<Heading, "name" | "title" | "kind" | "says">,
  { rows, failedAttempts, notAsked }: FailureFacts,
): Report {
  const all = addUp(rows);
  return {
    heading: {
      ...scope,
      name: "failures",
      title: "Failure reasons",
      kind: "activity",
      says: "activity: every failed try, until the time of the report, about the invoices billed in this period",
    },
    tables: [classTable(rows, all), reasonTable(rows, all)],
    records: recordTable(rows),
    facts: {
      rows: rows.map(({ asked, class: declineClass, code, place, plan, n, amount }) => {
        return { asked, class: declineClass, code, place, plan, n, amount };
      }),
      total: { refused: failedAttempts, not_asked: notAsked, all },
      definitions: DEFINITIONS,
    },
    checks: [
      {
        says: "rows of refused tries = failed payment attempts",
        left: addUp(rows.filter((row) => row.asked)),
        right: failedAttempts,
      },
      {
        says: "rows of tries not asked = decisions after a balance check that said no",
        left: addUp(rows.filter((row) => !row.asked)),
        right: notAsked,
      },
    ],
  };
}

function classTable(rows: readonly FailureRow[], all: Sum): Table {
  const classes = [...new Set(rows.map((row) => row.class))].sort();
  const line = (label: string, of: readonly FailureRow[]): Cell[] => {
    const refused = addUp(of.filter((row) => row.asked));
    const notAsked = addUp(of.filter((row) => !row.asked));
    return [label, refused.n, refused.amount, notAsked.n, notAsked.amount, sharesOf(addUp(of), all).byCount];
  };
  return {
    title: "By class",
    notes: [`refused: ${DEFINITIONS.refused}`, `not asked: ${DEFINITIONS.not_asked}`],
    columns: [
      { key: "class", label: "class", kind: "text" },
      { key: "refused_n", label: "refused", kind: "count" },
      { key: "refused", label: "amount", kind: "rupiah" },
      { key: "not_asked_n", label: "not asked", kind: "count" },
      { key: "not_asked", label: "amount", kind: "rupiah" },
      { key: "share", label: "of tries", kind: "share" },
    ],
    rows: [
      ...classes.map((name) =>
        line(
          name,
          rows.filter((row) => row.class === name),
        ),
      ),
      line("total", rows),
    ],
  };
}

const REASON_COLUMNS: readonly Column[] = [
  { key: "result", label: "result", kind: "text" },
  { key: "class", label: "class", kind: "text" },
  { key: "code", label: "code", kind: "text" },
  { key: "try", label: "try", kind: "text" },
  { key: "plan", label: "plan", kind: "text" },
  { key: "n", label: "n", kind: "count" },
  { key: "amount", label: "amount", kind: "rupiah" },
];

function reasonTable(rows: readonly FailureRow[], all: Sum): Table {
  return {
    title: "By reason",
    notes: [`try: ${DEFINITIONS.place}`],
    columns: [...REASON_COLUMNS, { key: "share", label: "of tries", kind: "share" }],
    rows: rows.map((row) => [...reasonCells(row), sharesOf(row, all).byCount]),
  };
}

function recordTable(rows: readonly FailureRow[]): Table {
  return {
    title: "",
    columns: [...REASON_COLUMNS, { key: "definition", label: "", kind: "text" }],
    rows: rows.map((row) => [...reasonCells(row), row.asked ? DEFINITIONS.refused : DEFINITIONS.not_asked]),
  };
}

function reasonCells(row: FailureRow): Cell[] {
  return [row.asked ? "refused" : "not asked", row.class, row.code, row.place, row.plan, row.n, row.amount];
}
