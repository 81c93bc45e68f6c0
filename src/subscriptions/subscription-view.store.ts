import type { BindingState } from "../customers/binding.ts";
import { NotFoundError } from "../kernel/errors.ts";
import { type Instant, instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Subscription, SubscriptionState } from "./subscription.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "./subscription-row.ts";

/** A subscription as people look at it. */
export type SubscriptionView = {
  readonly subscription: Subscription;
  readonly customerReference: string;
  readonly planCode: string;
  readonly planVersion: number;
  /** Of the live binding, else of the newest; null when the customer never began one. */
  readonly bindingState: BindingState | null;
  readonly createdAt: Instant;
  readonly activatedAt: Instant | null;
};

export type SubscriptionFilter = {
  readonly state: SubscriptionState | null;
  readonly plan: string | null;
  readonly customer: string | null;
  /** The reference behind which the page begins. */
  readonly after: string | null;
};

const VIEW = `select ${COLUMNS}, v.number, p.code, c.reference as customer, s.created_at, s.activated_at,
            (select b.state from bindings b where b.customer_id = s.customer_id
              order by b.state in ('active', 'suspended') desc, b.state = 'pending' desc, b.created_at desc, b.id
              limit 1) as binding_state
       from subscriptions s
       join plan_versions v on v.id = s.plan_version_id
       join plans p on p.id = s.plan_id
       join customers c on c.id = s.customer_id`;

/** Subscriptions by reference. */
export async function listSubscriptions(
  tx: Tx,
  { state, plan, customer, after }: SubscriptionFilter,
  limit: number,
): Promise<SubscriptionView[]> {
  const rows = await tx.query<ViewRow>(
    `${VIEW}
      where ($1::text is null or s.state = $1)
        and ($2::text is null or p.code = $2)
        and ($3::text is null or c.reference = $3)
        and ($4::text is null or s.reference > $4)
      order by s.reference
      limit $5`,
    [state, plan, customer, after, limit],
  );
  return rows.map(viewFromRow);
}

/** The subscription called `reference`, or `NotFoundError`. */
export async function subscriptionByReference(tx: Tx, reference: string): Promise<SubscriptionView> {
  const [row] = await tx.query<ViewRow>(`${VIEW} where s.reference = $1`, [reference]);
  if (row === undefined) throw new NotFoundError(`there is no subscription ${reference}`);
  return viewFromRow(row);
}

type ViewRow = SubscriptionRow & {
  number: number;
  code: string;
  customer: string;
  created_at: Date;
  activated_at: Date | null;
  binding_state: BindingState | null;
};

function viewFromRow(row: ViewRow): SubscriptionView {
  return {
    subscription: subscriptionFromRow(row),
    customerReference: row.customer,
    planCode: row.code,
    planVersion: row.number,
    bindingState: row.binding_state,
    createdAt: instant(row.created_at),
    activatedAt: instantOrNull(row.activated_at),
  };
}
