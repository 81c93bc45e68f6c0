// The gateway's ledger decides. What Tagih believes is compared with it, in both directions.
import { checkRules } from "../../src/invariants/check-rules.flow.ts";
import { ledgerAgrees } from "../../src/invariants/ledger-agrees.store.ts";
import { RULES } from "../../src/invariants/rules.ts";
import { turnedClock } from "../../src/platform/clock.ts";
import type { Arena } from "./arena.ts";

/** A run ends between two beats: what is due by then may wait for the next. */
const PATIENCE_MS = 3_600_000;

export type Judgement = {
  readonly invoices: number;
  readonly paid: number;
  readonly closed: number;
  readonly inReview: number;
  readonly open: number;
  /** Open with a stated reason: a person has it before him. */
  readonly withPerson: number;
  readonly attempts: number;
  readonly requests: number;
  /** Requests whose sender died before it heard, or could not record, the answer. */
  readonly unanswered: number;
  readonly inquiries: number;
  readonly movements: number;
  /** Invoices for which money was taken more than once. */
  readonly paidTwice: number;
  /** Due and never opened, open without a reason, or taken and not known to be paid. */
  readonly lost: number;
  /** Rules of the house that do not hold, with what breaks them. */
  readonly broken: readonly string[];
  readonly problems: readonly string[];
};

type Row = {
  readonly id: string;
  readonly state: string;
  readonly waiting_for: string | null;
  readonly references: string[];
  /** Why a person must look: of attempts in review and of open exceptions. */
  readonly reasons: string[];
};

type Counts = Pick<Judgement, "attempts" | "inReview" | "requests" | "unanswered" | "inquiries">;

export async function judge({ db, simulator }: Arena, expectedInvoices: number): Promise<Judgement> {
  const rows = await db.begin((tx) =>
    tx.query<Row>(
      `select i.id, i.state, i.waiting_for,
              array(select a.reference from payment_attempts a where a.invoice_id = i.id order by a.number) as references,
              array(select a.review_reason from payment_attempts a
                     where a.invoice_id = i.id and a.state = 'review' and a.review_reason is not null
                    union all
                    select e.says from exceptions e where e.invoice_id = i.id and e.closed_at is null) as reasons
         from invoices i order by i.id`,
    ),
  );
  const [counts] = await db.begin((tx) =>
    tx.query<Counts>(
      `select (select count(*)::int from payment_attempts) as attempts,
              (select count(*)::int from payment_attempts where state = 'review') as "inReview",
              (select count(*)::int from requests) as requests,
              (select count(*)::int from requests where state = 'written') as unanswered,
              (select count(*)::int from evidence where source = 'inquiry') as inquiries`,
    ),
  );
  if (counts === undefined) throw new Error("PostgreSQL counted nothing");
  const payments = simulator.ledger().filter((movement) => movement.kind === "payment");
  const taken = new Map<string, number>();
  for (const { reference } of payments) taken.set(reference, (taken.get(reference) ?? 0) + 1);
  const problems: string[] = [];
  let paidTwice = 0;
  let lost = Math.max(0, expectedInvoices - rows.length);
  if (lost > 0) problems.push(`${lost} invoices were never opened`);
  for (const row of rows) {
    const times = row.references.reduce((sum, reference) => sum + (taken.get(reference) ?? 0), 0);
    if (times > 1) paidTwice += 1;
    else if (!isRight(row, times)) lost += 1;
    else continue;
    problems.push(`invoice ${row.id} is ${row.state} (waiting for ${row.waiting_for}), taken ${times} times`);
  }
  const known = new Set(rows.flatMap((row) => row.references));
  for (const reference of taken.keys())
    if (!known.has(reference)) {
      lost += 1;
      problems.push(`${reference} was taken and nobody knows it`);
    }
  const count = (test: (row: Row) => boolean) => rows.filter(test).length;
  return {
    ...counts,
    invoices: rows.length,
    paid: count((row) => row.state === "paid"),
    closed: count((row) => row.state !== "open"),
    open: count((row) => row.state === "open"),
    withPerson: count(isWithPerson),
    movements: payments.length,
    paidTwice,
    lost,
    broken: await breaks(db, payments),
    problems: problems.slice(0, 20),
  };
}

/** The rules of the house, and its own books against the gateway's. */
async function breaks(
  db: Arena["db"],
  payments: readonly { readonly reference: string; readonly amount: number }[],
): Promise<string[]> {
  const now = await turnedClock.now(db);
  const ledger = payments.map(({ reference, amount }) => ({ reference, amount: -amount }));
  const broken = await checkRules(db, [ledgerAgrees(ledger), ...RULES], { now, patienceMs: PATIENCE_MS });
  return broken.map(({ rule, subject, says }) => `${rule}: ${subject}: ${says}`);
}

/** Closed and as the ledger says, or before a person who is told why. */
function isRight(row: Row, times: number): boolean {
  return row.state === "open" ? isWithPerson(row) : (times === 1) === (row.state === "paid");
}

function isWithPerson(row: Row): boolean {
  return row.state === "open" && row.waiting_for === "person" && row.reasons.length > 0;
}

/** What persons have before them, by kind, with one of each. */
export type ExceptionCounts = ReadonlyMap<string, { readonly count: number; readonly example: string }>;

export async function countExceptions({ db }: Arena): Promise<ExceptionCounts> {
  const rows = await db.begin((tx) =>
    tx.query<{ kind: string; count: number; example: string }>(
      `select kind, count(*)::int as count, min(says) as example from exceptions where closed_at is null
        group by kind order by count desc, kind`,
    ),
  );
  return new Map(rows.map(({ kind, ...rest }) => [kind, rest]));
}

export function exceptionLines(counts: ExceptionCounts): string[] {
  if (counts.size === 0) return ["no open exceptions"];
  return [...counts].map(
    ([kind, { count, example }]) => `open exceptions: ${count} x ${kind}, for example "${example}"`,
  );
}
