import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { PaymentRequestRow } from "./attempt.ts";

export type NewRequest = {
  readonly invoiceId: InvoiceId;
  readonly attemptNumber: number;
  readonly externalId: string;
  readonly leaseNo: number;
  readonly body: string;
};

/** Writes down what is about to be sent, before any byte leaves. Answers the rows' ids in the order given. */
export async function insertRequests(
  tx: Tx,
  requests: readonly NewRequest[],
  now: Instant,
): Promise<string[]> {
  if (requests.length === 0) return [];
  const rows = await tx.query<{ id: string; external_id: string }>(
    `insert into requests (invoice_id, attempt_number, external_id, lease_no, body, at)
     select x.invoice_id, x.attempt_number, x.external_id, x.lease_no, x.body, $2
       from json_to_recordset($1::json) as x (invoice_id uuid, attempt_number int, external_id text, lease_no int,
              body text)
     returning id::text as id, external_id`,
    [
      JSON.stringify(
        requests.map((request) => ({
          invoice_id: request.invoiceId,
          attempt_number: request.attemptNumber,
          external_id: request.externalId,
          lease_no: request.leaseNo,
          body: request.body,
        })),
      ),
      now.toJSDate(),
    ],
  );
  const idOf = new Map(rows.map((row) => [row.external_id, row.id]));
  return requests.map((request) => idOf.get(request.externalId) ?? "");
}

/** Saves how requests ended. An answer that was once held is never forgotten. */
export async function saveRequests(tx: Tx, requests: readonly PaymentRequestRow[]): Promise<void> {
  if (requests.length === 0) return;
  await tx.query(
    `update requests r
        set state = x.state, code = x.code,
            answered_at = case when x.state = 'answered' then coalesce(r.answered_at, clock_timestamp()) end
       from json_to_recordset($1::json) as x (id bigint, state text, code text)
      where r.id = x.id and r.state = 'written'`,
    [JSON.stringify(requests.map(({ id, state, code }) => ({ id, state, code })))],
  );
}

/** The last request of an attempt, for a re-send: the same bytes, and perhaps the same X-EXTERNAL-ID. */
export type LastRequest = {
  readonly body: string;
  readonly externalId: string;
  readonly answered: boolean;
  readonly writtenAt: Date;
};

export async function findLastRequest(
  tx: Tx,
  invoiceId: InvoiceId,
  attemptNumber: number,
): Promise<LastRequest | null> {
  const [row] = await tx.query<LastRequest>(
    `select body, external_id as "externalId", (state = 'answered' or code ~ '^[0-9]{7}$') is true as answered,
            written_at as "writtenAt"
       from requests
      where invoice_id = $1 and attempt_number = $2
      order by id desc
      limit 1`,
    [invoiceId, attemptNumber],
  );
  return row ?? null;
}

/** Real milliseconds since each attempt's last request was written, by the database's clock. */
export async function findRealAges(
  tx: Tx,
  attempts: readonly { readonly invoiceId: InvoiceId; readonly attemptNumber: number }[],
): Promise<number[]> {
  const rows = await tx.query<{ ms: string | null }>(
    `select (select extract(epoch from clock_timestamp() - max(r.written_at)) * 1000
               from requests r where r.invoice_id = x.invoice_id and r.attempt_number = x.attempt_number)::text as ms
       from unnest($1::uuid[], $2::int[]) with ordinality as x (invoice_id, attempt_number, position)
      order by x.position`,
    [attempts.map((attempt) => attempt.invoiceId), attempts.map((attempt) => attempt.attemptNumber)],
  );
  return rows.map((row) => Number(row.ms ?? 0));
}
