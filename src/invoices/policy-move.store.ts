import { DEFAULT_POLICY_CODE } from "../dunning/default-policy.ts";
import type { MovedInvoice, RunningInvoice, RunningInvoices } from "../dunning/moving.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import type { DeclineClass } from "../gateway/gateway.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { type Instant, instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { insertDecisions } from "./decision.store.ts";
import { outcomeFromJson, type StoredOutcome } from "./outcome-json.ts";

/** The rows of invoices for a move from one version of a policy to another. */
export const runningInvoices: RunningInvoices = { lockPage, save };

type Row = {
  id: InvoiceId;
  amount: string;
  bills_on: LocalDate;
  next_bill_on: LocalDate | null;
  first_failed_at: Date | null;
  requests_used: number;
  policy_version: number;
  retry_at: Date | null;
  decline_class: DeclineClass;
  outcome: StoredOutcome | null;
  movable: boolean;
};

async function lockPage(
  tx: Tx,
  { policy, after, now }: Parameters<RunningInvoices["lockPage"]>[1],
  limit: number,
): Promise<RunningInvoice[]> {
  const rows = await tx.query<Row>(
    `select i.id, i.amount, i.bills_on::text, i.next_bill_on::text, i.first_failed_at, i.requests_used,
            i.policy_version, i.retry_at, coalesce(i.decline_class, a.decline_class, 'funds') as decline_class,
            i.outcome,
            i.waiting_for is null and i.retry_at is not null and i.first_failed_at is not null
              and (i.leased_until is null or i.leased_until <= clock_timestamp())
              and not exists (select from payment_attempts l
                               where l.invoice_id = i.id and l.closed_at is null) as movable
       from invoices i
       left join lateral (select t.decline_class
                            from payment_attempts t
                           where t.invoice_id = i.id and t.state = 'failed'
                           order by t.number desc
                           limit 1) a on true
      where i.state = 'open' and coalesce(i.policy_code, $5) = $1 and i.policy_version <> $2
        and ($3::uuid is null or i.id > $3)
      order by i.id
      limit $4
        for no key update of i`,
    [policy.code, policy.version, after, limit, DEFAULT_POLICY_CODE],
  );
  return rows.map((row) => runningFromRow(row, now));
}

async function save(
  tx: Tx,
  moved: readonly MovedInvoice[],
  to: DunningPolicy,
  { actor, now }: { readonly actor: string; readonly now: Instant },
): Promise<void> {
  if (moved.length === 0) return;
  const otherwise = ({ before, after }: MovedInvoice) => before?.toMillis() !== after?.toMillis();
  await tx.query(
    `update invoices i
        set policy_code = $3, policy_version = $4,
            retry_at = case when x.changed then x.at else i.retry_at end,
            next_action_at = case when x.changed then x.at else i.next_action_at end
       from unnest($1::uuid[], $2::timestamptz[], $5::boolean[]) as x (id, at, changed)
      where i.id = x.id`,
    [
      moved.map(({ id }) => id),
      moved.map(({ after }) => after?.toJSDate() ?? null),
      to.code,
      to.version,
      moved.map(otherwise),
    ],
  );
  const decisions = moved.map((one) => ({
    invoiceId: one.id,
    attemptNumber: null,
    rule: "dunning.moved",
    says: `${actor} moved it from version ${one.fromVersion} of ${to.code} to version ${to.version}`,
    facts: { from_version: one.fromVersion, before: one.before?.toISO() ?? null },
    nextActionAt: one.after,
    policyVersion: to.version,
  }));
  await insertDecisions(tx, decisions, now);
}

/** Budgets of today are not read: an invoice that is due today looks at them when it wakes. */
function runningFromRow(row: Row, now: Instant): RunningInvoice {
  const firstFailedAt = instantOrNull(row.first_failed_at);
  const facts = {
    invoiceId: row.id,
    amount: rupiah(Number(row.amount)),
    billsOn: row.bills_on,
    firstTryAt: null,
    nextBillOn: row.next_bill_on,
    firstFailedAt,
    declineClass: row.decline_class,
    seen: outcomeFromJson(row.outcome) ?? { kind: "declined" as const, at: now, code: "" },
    inDoubt: false,
    requests: { ofBill: row.requests_used, ofBillToday: 0, ofCustomerToday: 0 },
    others: [],
  };
  return {
    id: row.id,
    version: row.policy_version,
    facts: row.movable ? facts : null,
    plannedAt: instantOrNull(row.retry_at),
  };
}
