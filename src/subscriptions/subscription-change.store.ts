import type { SubscriptionId } from "../kernel/ids.ts";
import { instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type {
  NewSubscriptionChange,
  SubscriptionChange,
  SubscriptionChangeKind,
} from "./subscription-change.ts";

/** Appends to the timelines of subscriptions whose rows the caller holds, in the order given. */
export async function appendSubscriptionChanges(
  tx: Tx,
  changes: readonly NewSubscriptionChange[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `insert into subscription_changes (subscription_id, kind, at, actor, reason, details)
     select subscription_id, kind, at, actor, reason, details
       from json_to_recordset($1::json) as n (position int, subscription_id uuid, kind text, at timestamptz,
                                              actor text, reason text, details jsonb)
      order by position`,
    [
      JSON.stringify(
        changes.map(({ subscriptionId, kind, at, actor, reason, details }, position) => ({
          position,
          subscription_id: subscriptionId,
          kind,
          at: at.toJSDate(),
          actor,
          reason,
          details,
        })),
      ),
    ],
  );
}

/** A subscription's timeline, newest first; `before` is the id after which the page begins. */
export async function subscriptionChangesOf(
  tx: Tx,
  { subscriptionId, before }: { readonly subscriptionId: SubscriptionId; readonly before: string | null },
  limit: number,
): Promise<SubscriptionChange[]> {
  const rows = await tx.query<ChangeRow>(
    `select id, subscription_id, kind, at, actor, reason, details
       from subscription_changes
      where subscription_id = $1 and ($2::bigint is null or id < $2)
      order by id desc
      limit $3`,
    [subscriptionId, before, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    subscriptionId: row.subscription_id,
    kind: row.kind,
    at: instant(row.at),
    actor: row.actor,
    reason: row.reason,
    details: row.details,
  }));
}

type ChangeRow = {
  id: string;
  subscription_id: SubscriptionId;
  kind: SubscriptionChangeKind;
  at: Date;
  actor: string;
  reason: string | null;
  details: Record<string, unknown>;
};
