import { NotFoundError } from "../kernel/errors.ts";
import { localDateAt } from "../kernel/time.ts";
import { planByCode } from "../plans/plan.store.ts";
import type { Clock } from "../platform/clock.ts";
import { type Database, planFreely, type Tx } from "../platform/database.ts";
import { sumByTerm, sumInvoiced, sumPaidByHand } from "./collection.store.ts";
import { collectionReport, type Grouping } from "./collection.ts";
import { sumFailedAttempts, sumFailures, sumNotAsked } from "./failures.store.ts";
import { failureReport } from "./failures.ts";
import type { Heading, Report } from "./report.ts";
import { type AskedScope, reportScope } from "./report-scope.ts";

export type ReportTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** BILLING_ZONE: what "today" is, and the zone that reports print. */
  readonly zone: string;
};

export type AskedReport = AskedScope & { readonly group?: Grouping | undefined };

type Scope = Omit<Heading, "name" | "title" | "kind" | "says">;
type Make = (tx: Tx, scope: Scope, asked: AskedReport) => Promise<Report>;

const REPORTS: Readonly<Record<string, Make>> = {
  collection: async (tx, scope, { group }) => {
    const grouping = group ?? "day";
    const rows = await sumByTerm(tx, scope, grouping);
    const invoiced = await sumInvoiced(tx, scope);
    return collectionReport(scope, {
      rows,
      invoiced,
      paidByHand: await sumPaidByHand(tx, scope),
      grouping,
    });
  },
  failures: async (tx, scope) =>
    failureReport(scope, {
      rows: await sumFailures(tx, scope),
      failedAttempts: await sumFailedAttempts(tx, scope),
      notAsked: await sumNotAsked(tx, scope),
    }),
};

export const REPORT_NAMES: readonly string[] = Object.keys(REPORTS);

/** The report called `name`, read from one snapshot. Throws `NotFoundError` for an unknown report or plan. */
export async function runReport(tools: ReportTools, name: string, asked: AskedReport): Promise<Report> {
  const make = Object.hasOwn(REPORTS, name) ? REPORTS[name] : undefined;
  if (make === undefined)
    throw new NotFoundError(`there is no report ${name}; there are ${REPORT_NAMES.join(", ")}`);
  return tools.db.begin(async (tx) => {
    // Sums that are read one after the other tie only if nothing is written in between.
    await tx.query("set transaction isolation level repeatable read");
    await planFreely(tx);
    const asOf = await tools.clock.now(tx);
    const scope = reportScope(asked, localDateAt(asOf, tools.zone));
    if (scope.plan !== null) await planByCode(tx, scope.plan);
    return make(tx, { ...scope, zone: tools.zone, asOf }, asked);
  });
}
