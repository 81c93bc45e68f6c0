import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** A difference that a person must see. */
export type NewException = {
  readonly kind: string;
  /** What it is about, so that the same fact met again is the same exception. */
  readonly subject: string;
  readonly invoiceId?: InvoiceId;
  readonly reference?: Reference;
  readonly amount?: Rupiah;
  /** The fact and the remedy, in words. */
  readonly says: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly at: Instant;
};

export type StoredException = {
  readonly id: string;
  readonly kind: string;
  readonly subject: string;
  readonly invoiceId: InvoiceId | null;
  readonly reference: Reference | null;
  readonly amount: Rupiah | null;
  readonly says: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly openedAt: Instant;
  readonly closedAt: Instant | null;
  readonly closedBy: string | null;
  readonly closingReason: string | null;
};

/** Opens exceptions; a fact (kind and subject) that was opened before, also if closed since, is left as it is. */
export async function openExceptions(tx: Tx, exceptions: readonly NewException[]): Promise<void> {
  if (exceptions.length === 0) return;
  await tx.query(
    `insert into exceptions (kind, subject, invoice_id, reference, amount, says, facts, opened_at)
     select kind, subject, invoice_id, reference, amount, says, facts, opened_at
       from json_to_recordset($1::json) as met (kind text, subject text, invoice_id uuid, reference text,
                                                  amount bigint, says text, facts jsonb, opened_at timestamptz)
      order by kind, subject
         on conflict on constraint exceptions_one_per_fact do nothing`,
    [
      JSON.stringify(
        exceptions.map(({ kind, subject, invoiceId, reference, amount, says, facts, at }) => ({
          kind,
          subject,
          invoice_id: invoiceId ?? null,
          reference: reference ?? null,
          amount: amount ?? null,
          says,
          facts: facts ?? {},
          opened_at: at.toJSDate(),
        })),
      ),
    ],
  );
}

const COLUMNS = `id, kind, subject, invoice_id, reference, amount, says, facts, opened_at, closed_at, closed_by,
            closing_reason`;

/** Exceptions, newest first; `before` is the id after which the page begins. */
export async function listExceptions(
  tx: Tx,
  filter: {
    readonly state: "open" | "closed" | null;
    readonly kind: string | null;
    readonly before: string | null;
  },
  limit: number,
): Promise<StoredException[]> {
  const rows = await tx.query<Row>(
    `select ${COLUMNS}
       from exceptions
      where ($1::text is null or ($1 = 'open') = (closed_at is null))
        and ($2::text is null or kind = $2)
        and ($3::bigint is null or id < $3)
      order by id desc
      limit $4`,
    [filter.state, filter.kind, filter.before, limit],
  );
  return rows.map(fromRow);
}

/** Closes an open exception; throws when there is none of that id or it is closed already. */
export async function closeException(
  tx: Tx,
  id: string,
  closing: { readonly at: Instant; readonly by: string; readonly reason: string },
): Promise<StoredException> {
  const [closed] = await tx.query<Row>(
    `update exceptions set closed_at = $2, closed_by = $3, closing_reason = $4
      where id = $1 and closed_at is null
      returning ${COLUMNS}`,
    [id, closing.at.toJSDate(), closing.by, closing.reason],
  );
  if (closed !== undefined) return fromRow(closed);
  const [known] = await tx.query<{ closed_by: string }>(`select closed_by from exceptions where id = $1`, [
    id,
  ]);
  if (known === undefined) throw new NotFoundError(`there is no exception ${id}`);
  throw new ConflictError(`exception ${id} was already resolved by ${known.closed_by}`);
}

type Row = {
  id: string;
  kind: string;
  subject: string;
  invoice_id: InvoiceId | null;
  reference: Reference | null;
  amount: string | null;
  says: string;
  facts: Record<string, unknown>;
  opened_at: Date;
  closed_at: Date | null;
  closed_by: string | null;
  closing_reason: string | null;
};

function fromRow(row: Row): StoredException {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    invoiceId: row.invoice_id,
    reference: row.reference,
    amount: row.amount === null ? null : rupiah(Number(row.amount)),
    says: row.says,
    facts: row.facts,
    openedAt: instant(row.opened_at),
    closedAt: instantOrNull(row.closed_at),
    closedBy: row.closed_by,
    closingReason: row.closing_reason,
  };
}
