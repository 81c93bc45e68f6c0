import type { DeliveryId, Reference } from "../kernel/ids.ts";
import { type Instant, instant } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { Delivery, DeliveryKind, DeliveryState, NewDelivery } from "./delivery.ts";

/** Appends deliveries; answers the ids of those that wait to be handled. */
export async function insertDeliveries(
  tx: Tx,
  deliveries: readonly NewDelivery[],
  at: Instant,
): Promise<DeliveryId[]> {
  const rows = await tx.query<{ id: DeliveryId; state: DeliveryState }>(
    `insert into inbox (kind, external_id, body, body_hash, reference, signature_form, reused_id, state, problem, at)
     select d.kind, d.external_id, d.body, d.body_hash, d.reference, d.signature_form, d.reused_id, d.state,
            d.problem, $10
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
                 $8::text[], $9::text[]) with ordinality
       as d (kind, external_id, body, body_hash, reference, signature_form, reused_id, state, problem, n)
     order by d.n
     returning id, state`,
    [
      deliveries.map((delivery) => delivery.kind),
      deliveries.map((delivery) => delivery.externalId),
      deliveries.map((delivery) => delivery.body),
      deliveries.map((delivery) => delivery.bodyHash),
      deliveries.map((delivery) => delivery.reference),
      deliveries.map((delivery) => delivery.signatureForm),
      deliveries.map((delivery) => delivery.reusedId),
      deliveries.map((delivery) => delivery.state),
      deliveries.map((delivery) => delivery.problem),
      at.toJSDate(),
    ],
  );
  return rows.filter((row) => row.state === "received").map((row) => row.id);
}

export type EarlierDelivery = {
  readonly kind: DeliveryKind;
  readonly externalId: string;
  readonly bodyHash: string;
};

/** One id comes with one body, or with few: more rows than this tell nothing new. */
const EARLIER_PER_ID = 20;

/** What came today under these external ids; an id is unique within a day of the gateway's zone. */
export async function findDeliveriesOfToday(
  tx: Tx,
  externalIds: readonly string[],
): Promise<EarlierDelivery[]> {
  return tx.query<EarlierDelivery>(
    `select distinct kind, external_id as "externalId", body_hash as "bodyHash" from inbox
     where external_id = any ($1::text[])
       and received_at >= date_trunc('day', clock_timestamp() at time zone 'Asia/Jakarta')
                            at time zone 'Asia/Jakarta'
     order by kind, external_id, body_hash limit $2`,
    [externalIds, externalIds.length * EARLIER_PER_ID],
  );
}

/** Those of `references` that a payment attempt of ours has. */
export async function findKnownReferences(tx: Tx, references: readonly Reference[]): Promise<Set<Reference>> {
  const rows = await tx.query<{ reference: Reference }>(
    `select reference from payment_attempts where reference = any ($1::text[]) order by reference limit $2`,
    [references, references.length],
  );
  return new Set(rows.map((row) => row.reference));
}

// "is true" keeps the plan of statements that name their rows on the primary key: the index of unfinished rows would fit
// as well, and is full of dead entries while many are being handled.

/** Locks those of `ids` that still wait, in id order; rows that another worker holds are left to it. */
export async function lockDeliveries(tx: Tx, ids: readonly DeliveryId[]): Promise<Delivery[]> {
  const rows = await tx.query<Omit<Delivery, "receivedAt" | "at"> & { receivedAt: Date; at: Date }>(
    `select id, kind, external_id as "externalId", body, body_hash as "bodyHash", reference,
            signature_form as "signatureForm", reused_id as "reusedId", state, problem,
            received_at as "receivedAt", at, tries
     from inbox
     where id = any ($1::bigint[]) and (state in ('received', 'unmatched')) is true
     order by id limit $2 for update skip locked`,
    [ids, ids.length],
  );
  return rows.map((row) => ({ ...row, receivedAt: instant(row.receivedAt), at: instant(row.at) }));
}

export type DeliveryMark = {
  readonly id: DeliveryId;
  readonly state: DeliveryState;
  /** What stands in the way; without one an earlier one stays, until the delivery is handled. */
  readonly problem?: string;
};

/** Writes the outcome of a try on rows that the caller has locked; every mark counts as one try. */
export async function markDeliveries(tx: Tx, marks: readonly DeliveryMark[]): Promise<void> {
  await tx.query(
    `update inbox
     set state = m.state, problem = case m.state when 'handled' then m.problem else coalesce(m.problem, inbox.problem) end,
         tries = inbox.tries + 1,
         handled_at = case m.state when 'handled' then clock_timestamp() end
     from unnest($1::bigint[], $2::text[], $3::text[]) as m (id, state, problem)
     where inbox.id = m.id and (inbox.state in ('received', 'unmatched')) is true`,
    [
      marks.map((mark) => mark.id),
      marks.map((mark) => mark.state),
      marks.map((mark) => mark.problem ?? null),
    ],
  );
}

/**
 * Deliveries whose bell was lost or whose try failed: after 5 s, and after twice as long with every try. We
 * have answered 200 for them, so nobody will send them again. A reference that is still unknown after 5 days
 * (3 working days and a weekend) is left to a person. Locks nothing.
 */
export async function findDeliveriesToRing(db: Queryable, limit: number): Promise<DeliveryId[]> {
  const rows = await db.query<{ id: DeliveryId }>(
    `select id from inbox
     where state in ('received', 'unmatched')
       and received_at <= clock_timestamp() - make_interval(secs => 5 * power(2, least(tries, 17)))
       and (state = 'received' or received_at > clock_timestamp() - interval '5 days')
     order by tries, id limit $1`,
    [limit],
  );
  return rows.map((row) => row.id);
}
