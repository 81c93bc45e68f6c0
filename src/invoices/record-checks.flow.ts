import type { InvoiceId } from "../kernel/ids.ts";
import { failpoint } from "../platform/failpoint.ts";
import { afterCheck, type CheckOutcome, type CheckPurpose } from "./after-check.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadDunned } from "./dunned.store.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { saveInvoices } from "./invoice.store.ts";
import { noteExceptions, setStop } from "./note-consequences.flow.ts";
import { saveSubscriptionStates } from "./subscription-state.flow.ts";

/** A check that led to no charge, and the lease under which it was made. */
export type CheckDone = {
  readonly invoiceId: InvoiceId;
  readonly leaseNo: number;
  readonly purpose: CheckPurpose;
  readonly outcome: CheckOutcome;
};

/** Records a set of checks in one transaction and gives their leases back. A check whose lease is over changes nothing. */
export function recordChecks(tools: DecideTools, checks: readonly CheckDone[]): Promise<undefined[]> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const invoices = await lockInvoices(tx, [...new Set(checks.map((check) => check.invoiceId))]);
    const [known, dunned] = await Promise.all([
      loadFacts(tx, invoices, now),
      loadDunned(tx, tools.policies, invoices),
    ]);
    const facts = new Map(known.map((each) => [each.invoice.id, each]));
    const done = checks.flatMap((check) => {
      const known = facts.get(check.invoiceId);
      if (known === undefined || known.invoice.leaseNo !== check.leaseNo || known.invoice.state !== "open")
        return [];
      return [{ check, ...afterCheck(known, check, dunned(known.invoice), now) }];
    });
    const saved = new Set(done.map(({ check }) => check.invoiceId));
    const overtaken = checks.filter((check) => !saved.has(check.invoiceId) && facts.has(check.invoiceId));
    await saveInvoices(
      tx,
      [
        ...done.map(({ check, invoice }) => ({ invoice, leaseNo: check.leaseNo })),
        ...overtaken.flatMap((check) => {
          const known = facts.get(check.invoiceId);
          return known === undefined ? [] : [{ invoice: known.invoice, leaseNo: check.leaseNo }];
        }),
      ].map(({ invoice, leaseNo }) => ({ invoice, lease: { kind: "release" as const, leaseNo } })),
      now,
    );
    await insertDecisions(
      tx,
      done.map(({ check, invoice, rule, says, why }) => ({
        invoiceId: check.invoiceId,
        attemptNumber: null,
        rule,
        says,
        facts: { ...check.outcome, amount: invoice.amount, ...(why === undefined ? {} : { why }) },
        nextActionAt: invoice.nextActionAt,
        policyVersion: invoice.policyVersion,
      })),
      now,
    );
    await noteExceptions(
      tx,
      done.map(({ check, exceptions }) => ({
        invoiceId: check.invoiceId,
        reference: null,
        exceptions,
        facts: {},
      })),
      now,
    );
    await saveSubscriptionStates(tx, tools.policy, done, now);
    await setStop(tx, done.find((each) => each.stop !== null)?.stop ?? null, tools.policy.zone, now);
    failpoint("checks.before-commit");
    return checks.map(() => undefined);
  });
}
