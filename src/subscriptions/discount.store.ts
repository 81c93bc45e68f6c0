import type { Branded } from "../kernel/brand.ts";
import { groupBy } from "../kernel/group.ts";
import type { SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { type Instant, instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Discount } from "./discount.ts";

export type DiscountId = Branded<string, "DiscountId">;

/** A discount that was given to a subscription, by whom and why. */
export type StoredDiscount = Discount & {
  readonly id: DiscountId;
  readonly subscriptionId: SubscriptionId;
  readonly reason: string | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  /** Ended by somebody before its periods were used up; null: it was not. */
  readonly endedAt: Instant | null;
};

/** More discounts than a subscription ever has at once; they are one bill's lines. */
const DISCOUNTS_LIMIT = 20;

/** Stores discounts of subscriptions whose rows the caller holds. */
export async function insertDiscounts(tx: Tx, discounts: readonly StoredDiscount[]): Promise<void> {
  if (discounts.length === 0) return;
  await tx.query(
    `insert into subscription_discounts (id, subscription_id, percent, amount, from_index, periods, reason,
            created_by, created_at, ended_at)
     select id, subscription_id, percent, amount, from_index, periods, reason, created_by, created_at, ended_at
       from json_to_recordset($1::json) as n (id uuid, subscription_id uuid, percent int, amount bigint,
              from_index int, periods int, reason text, created_by text, created_at timestamptz,
              ended_at timestamptz)
      order by id`,
    [JSON.stringify(discounts.map(toRecord))],
  );
}

/** Ends one discount of a subscription; false when it has no such one, or it had ended before. */
export async function endDiscount(
  tx: Tx,
  { id, subscriptionId }: Pick<StoredDiscount, "id" | "subscriptionId">,
  now: Instant,
): Promise<boolean> {
  const ended = await tx.query(
    `update subscription_discounts set ended_at = $3
      where id = $1 and subscription_id = $2 and ended_at is null
      returning id`,
    [id, subscriptionId, now.toJSDate()],
  );
  return ended.length > 0;
}

/** Lets discounts begin with period `nextIndex` where that is later: periods nobody is billed for use none up. */
export async function postponeDiscounts(
  tx: Tx,
  begun: readonly { readonly id: SubscriptionId; readonly nextIndex: number }[],
): Promise<void> {
  const later = begun.filter(({ nextIndex }) => nextIndex > 0);
  if (later.length === 0) return;
  await tx.query(
    `update subscription_discounts d set from_index = n.next_index
       from unnest($1::uuid[], $2::int[]) as n (id, next_index)
      where d.subscription_id = n.id and d.from_index < n.next_index and d.ended_at is null`,
    [later.map(({ id }) => id), later.map(({ nextIndex }) => nextIndex)],
  );
}

/** The discounts in force of a page of subscriptions, oldest first: the order in which they are taken off. */
export async function discountsOf(
  tx: Tx,
  subscriptionIds: readonly SubscriptionId[],
): Promise<Map<SubscriptionId, StoredDiscount[]>> {
  if (subscriptionIds.length === 0) return new Map();
  const rows = await tx.query<DiscountRow>(
    `select ${COLUMNS}
       from subscription_discounts
      where subscription_id = any($1) and ended_at is null
      order by created_at, id
      limit $2`,
    [subscriptionIds, subscriptionIds.length * DISCOUNTS_LIMIT],
  );
  return groupBy(rows.map(discountFromRow), ({ subscriptionId }) => subscriptionId);
}

/** Every discount a subscription was ever given, oldest first. */
export async function allDiscountsOf(
  tx: Tx,
  subscriptionId: SubscriptionId,
  limit: number,
): Promise<StoredDiscount[]> {
  const rows = await tx.query<DiscountRow>(
    `select ${COLUMNS}
       from subscription_discounts where subscription_id = $1 order by created_at, id limit $2`,
    [subscriptionId, limit],
  );
  return rows.map(discountFromRow);
}

const COLUMNS = `id, subscription_id, percent, amount, from_index, periods, reason, created_by, created_at, ended_at`;

function toRecord(discount: StoredDiscount) {
  const { off } = discount;
  return {
    id: discount.id,
    subscription_id: discount.subscriptionId,
    percent: off.kind === "percent" ? off.percent : null,
    amount: off.kind === "amount" ? off.amount : null,
    from_index: discount.fromIndex,
    periods: discount.periods,
    reason: discount.reason,
    created_by: discount.createdBy,
    created_at: discount.createdAt.toJSDate(),
    ended_at: discount.endedAt?.toJSDate() ?? null,
  };
}

type DiscountRow = {
  id: DiscountId;
  subscription_id: SubscriptionId;
  percent: number | null;
  amount: string | null;
  from_index: number;
  periods: number | null;
  reason: string | null;
  created_by: string;
  created_at: Date;
  ended_at: Date | null;
};

function discountFromRow(row: DiscountRow): StoredDiscount {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    off:
      row.percent === null
        ? { kind: "amount", amount: rupiah(Number(row.amount)) }
        : { kind: "percent", percent: row.percent },
    fromIndex: row.from_index,
    periods: row.periods,
    reason: row.reason,
    createdBy: row.created_by,
    createdAt: instant(row.created_at),
    endedAt: instantOrNull(row.ended_at),
  };
}
