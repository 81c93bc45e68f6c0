import { In, MoreThan } from "typeorm";
import { NotFoundError } from "../kernel/errors.ts";
import type { BindingId, CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import { type Binding, type BindingState, SUPERSEDED } from "./binding.ts";
import { bindingTable } from "./customer.table.ts";

export type PendingBinding = Pick<
  Binding,
  "id" | "customerId" | "phoneIndex" | "externalId" | "successUrl" | "failedUrl" | "createdAt" | "expiresAt"
>;

/** Writes down that a binding is about to be asked for, before anything is sent. */
export async function insertPendingBinding(tx: Tx, binding: PendingBinding): Promise<void> {
  await tx.query(
    `insert into bindings (id, customer_id, phone_index, state, external_id, success_url, failed_url, created_at,
                           expires_at)
     values ($1, $2, $3, 'pending', $4, $5, $6, $7, $8)`,
    [
      binding.id,
      binding.customerId,
      binding.phoneIndex,
      binding.externalId,
      binding.successUrl,
      binding.failedUrl,
      binding.createdAt.toJSDate(),
      binding.expiresAt.toJSDate(),
    ],
  );
}

/** The binding, or `NotFoundError`. */
export async function bindingById(tx: Tx, id: BindingId): Promise<Binding> {
  const binding = await tx.manager.getRepository(bindingTable).findOneBy({ id });
  if (binding === null) throw new NotFoundError("there is no such binding");
  return binding;
}

/** Bindings by id; those that do not exist are missing from the map. */
export async function bindingsById(tx: Tx, ids: readonly BindingId[]): Promise<Map<BindingId, Binding>> {
  const bindings = await tx.manager.getRepository(bindingTable).findBy({ id: In([...ids]) });
  return new Map(bindings.map((binding) => [binding.id, binding]));
}

/** The binding with its row held until the transaction ends. */
export async function lockBinding(tx: Tx, id: BindingId): Promise<Binding> {
  await tx.query(`select id from bindings where id = $1 for no key update`, [id]);
  return bindingById(tx, id);
}

/** The binding the gateway knows by this authorisation, if any. */
export async function bindingByAuthCode(tx: Tx, authCodeIndex: string): Promise<Binding | null> {
  const found = { where: { authCodeIndex }, order: { createdAt: "DESC" } } as const;
  return tx.manager.getRepository(bindingTable).findOne(found);
}

/** The binding begun by the call with this X-EXTERNAL-ID for this customer, if any. */
export async function bindingByCall(
  tx: Tx,
  call: { readonly externalId: string; readonly customerReference: string },
): Promise<Binding | null> {
  const [row] = await tx.query<{ id: BindingId }>(
    `select b.id from bindings b join customers c on c.id = b.customer_id
      where b.external_id = $1 and c.reference = $2`,
    [call.externalId, call.customerReference],
  );
  return row === undefined ? null : bindingById(tx, row.id);
}

/** The customer's active or suspended binding, if any. */
export async function liveBindingOf(tx: Tx, customerId: CustomerId): Promise<Binding | null> {
  return tx.manager.getRepository(bindingTable).findOneBy({ customerId, state: In(["active", "suspended"]) });
}

/** The binding that counts for each customer who has one: the live one, else the one begun last. */
export async function currentBindingsOf(
  tx: Tx,
  customerIds: readonly CustomerId[],
): Promise<Map<CustomerId, { readonly id: BindingId; readonly state: BindingState }>> {
  const rows = await tx.query<{ id: BindingId; customer_id: CustomerId; state: BindingState }>(
    `select distinct on (customer_id) id, customer_id, state from bindings
      where customer_id = any($1)
      order by customer_id, state in ('active', 'suspended') desc, state = 'pending' desc, created_at desc, id
      limit $2`,
    [customerIds, customerIds.length],
  );
  return new Map(rows.map((row) => [row.customer_id, { id: row.id, state: row.state }]));
}

/** Bindings by id, beginning behind `after`. */
export async function listBindings(
  tx: Tx,
  filter: {
    readonly customerId: CustomerId | null;
    readonly state: BindingState | null;
    readonly after: string | null;
  },
  limit: number,
): Promise<Binding[]> {
  return tx.manager.getRepository(bindingTable).find({
    where: {
      ...(filter.customerId === null ? {} : { customerId: filter.customerId }),
      ...(filter.state === null ? {} : { state: filter.state }),
      ...(filter.after === null ? {} : { id: MoreThan(filter.after as BindingId) }),
    },
    order: { id: "ASC" },
    take: limit,
  });
}

/** Keeps the authorisation of a binding that began; a notification may have brought it already. */
export async function saveAuthorisation(
  tx: Tx,
  id: BindingId,
  given: {
    readonly authCode: string;
    readonly authCodeIndex: string;
    readonly redirectUrl: string | null;
    readonly gatewayReference: string | null;
  },
): Promise<void> {
  await tx.query(
    `update bindings
        set auth_code = coalesce(auth_code, $2), auth_code_index = coalesce(auth_code_index, $3),
            redirect_url = coalesce(redirect_url, $4), gateway_reference = coalesce(gateway_reference, $5)
      where id = $1`,
    [id, given.authCode, given.authCodeIndex, given.redirectUrl, given.gatewayReference],
  );
}

/** Ends a binding that did not come to be; one that is live or was begun anew is left alone. */
export async function failBinding(
  tx: Tx,
  id: BindingId,
  ending: { readonly reason: string; readonly at: Instant },
): Promise<void> {
  await tx.query(
    `update bindings set state = 'failed', reason = $2, ended_at = $3
      where id = $1 and state in ('pending', 'expired') and reason is distinct from $4`,
    [id, ending.reason, ending.at.toJSDate(), SUPERSEDED],
  );
}

/** Ends what the customer began before: only the newest can be finished. */
export async function supersedePendingBindings(tx: Tx, customerId: CustomerId, now: Instant): Promise<void> {
  await tx.query(
    `update bindings set state = 'expired', reason = $3, ended_at = $2
      where customer_id = $1 and state = 'pending'`,
    [customerId, now.toJSDate(), SUPERSEDED],
  );
}

/** Ends bindings that nobody finished in time; returns how many. For the tick, page by page. */
export async function expirePendingBindings(db: Queryable, now: Instant, limit: number): Promise<number> {
  const rows = await db.query(
    `update bindings set state = 'expired', reason = 'linking was not finished in time', ended_at = $1
      where id in (select id from bindings where state = 'pending' and expires_at <= $1
                    order by expires_at, id limit $2 for update skip locked)
      returning id`,
    [now.toJSDate(), limit],
  );
  return rows.length;
}
