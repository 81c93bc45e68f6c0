import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** What was decided about an invoice, by which rule, and in words; also when the decision was not to charge. */
export type NewDecision = {
  readonly invoiceId: InvoiceId;
  readonly attemptNumber: number | null;
  readonly rule: string;
  readonly says: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly nextActionAt: Instant | null;
  readonly policyVersion: number;
};

/** Appends decisions; answers their ids in the order given. */
export async function insertDecisions(
  tx: Tx,
  decisions: readonly NewDecision[],
  now: Instant,
): Promise<string[]> {
  if (decisions.length === 0) return [];
  const rows = await tx.query<{ id: string }>(
    `insert into decisions (invoice_id, attempt_number, at, rule, says, facts, policy_version, next_action_at)
     select x.invoice_id, x.attempt_number, $2, x.rule, x.says, x.facts, x.policy_version, x.next_action_at
       from json_to_recordset($1::json) as x (position int, invoice_id uuid, attempt_number int, rule text, says text,
              facts jsonb, policy_version int, next_action_at timestamptz)
      order by x.position
     returning id::text as id`,
    [
      JSON.stringify(
        decisions.map((decision, position) => ({
          position,
          invoice_id: decision.invoiceId,
          attempt_number: decision.attemptNumber,
          rule: decision.rule,
          says: decision.says,
          facts: decision.facts,
          policy_version: decision.policyVersion,
          next_action_at: decision.nextActionAt?.toJSDate() ?? null,
        })),
      ),
      now.toJSDate(),
    ],
  );
  return rows.map((row) => row.id);
}
