import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { codeOf } from "./circumstances.ts";
import type { News } from "./news.ts";

/** Bodies are kept for disputes, cut so that a hostile answer cannot fill the disk. */
const RAW_LIMIT = 4_000;

/**
 * Appends what was heard. Never refused and never fenced: only a notification that says the very same again is
 * not stored twice (evidence_one_per_notice).
 */
export async function insertEvidence(tx: Tx, news: readonly News[], now: Instant): Promise<void> {
  if (news.length === 0) return;
  await tx.query(
    `insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, amount,
            at, raw)
     select x.invoice_id, x.attempt_number, x.reference, x.gateway_reference, x.source, x.status, x.verdict, x.amount,
            $2, x.raw
       from json_to_recordset($1::json) as x (invoice_id uuid, attempt_number int, reference text,
              gateway_reference text, source text, status text, verdict text, amount bigint, raw text)
     on conflict (reference, gateway_reference, status, amount) where source = 'notification' do nothing`,
    [JSON.stringify(news.map(toRecord)), now.toJSDate()],
  );
}

function toRecord({ invoiceId, attemptNumber, reference, source, verdict, raw }: News) {
  return {
    invoice_id: invoiceId,
    attempt_number: attemptNumber,
    reference,
    gateway_reference: "gatewayReference" in verdict ? verdict.gatewayReference : null,
    source,
    status: codeOf(verdict).slice(0, 100),
    verdict: verdict.kind,
    amount: "amount" in verdict ? verdict.amount : null,
    raw: withoutNulls(raw.body)?.slice(0, RAW_LIMIT) ?? null,
  };
}

/** PostgreSQL text cannot hold U+0000; a gateway's garbage may. */
function withoutNulls(text: string | null): string | null {
  return text === null ? null : text.replaceAll("\u0000", "\uFFFD");
}
