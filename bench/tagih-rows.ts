// The product's own tables, filled as if its customers had linked their wallets and subscribed long ago.
import { randomUUID } from "node:crypto";
import { DateTime } from "luxon";
import type pg from "pg";
import { sealContext } from "../src/customers/binding.ts";
import { phoneContext } from "../src/customers/customer.ts";
import type { BindingId, CustomerId } from "../src/kernel/ids.ts";
import { parseEncryptionKey, type Sealer, sealer } from "../src/platform/secrets.ts";
import type { Batch } from "./contender.ts";
import { PRICE } from "./identity.ts";

const ZONE = "Asia/Jakarta";
const FAR_AWAY = new Date("2099-01-01T00:00:00Z");
const PAGE = 2_000;

/** Makes the plan and so many customers with a linked wallet and a monthly subscription; answers the latter's ids. */
export async function populate(
  client: pg.Client,
  encryptionKey: string,
  count: number,
): Promise<readonly string[]> {
  const key = parseEncryptionKey(encryptionKey);
  if (key === null) throw new Error("the bench made an encryption key that cannot be read");
  const box = sealer([key]);
  const plan = { id: randomUUID(), versionId: randomUUID() };
  await client.query(
    `insert into plans (id, code, name, interval_unit, interval_count, created_at)
     values ($1, 'bench', 'Bench', 'month', 1, now())`,
    [plan.id],
  );
  await client.query(
    `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at)
     values ($1, $2, 1, $3, current_date, now())`,
    [plan.versionId, plan.id, PRICE],
  );
  const ids: string[] = [];
  for (let from = 0; from < count; from += PAGE) {
    const people = Array.from({ length: Math.min(PAGE, count - from) }, (_, index) =>
      person(box, from + index),
    );
    await insertPeople(client, people);
    await insertSubscriptions(client, people, plan);
    ids.push(...people.map(({ subscriptionId }) => subscriptionId));
  }
  return ids;
}

/** Makes a batch of these subscriptions due at `at`. */
export async function scheduleSubscriptions(
  client: pg.Client,
  ids: readonly string[],
  { from, to }: Batch,
  at: Date,
): Promise<void> {
  await client.query(`update subscriptions set next_invoice_at = $2 where id = any($1::uuid[])`, [
    ids.slice(from, to),
    at,
  ]);
}

/** Invoices that are paid. */
export async function countPaidInvoices(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ paid: number }>(
    `select count(*)::int as paid from invoices where state = 'paid'`,
  );
  return rows[0]?.paid ?? 0;
}

/** When the notification of each invoice of the batch was handled, real time in epoch milliseconds. */
export async function handledAt(
  client: pg.Client,
  ids: readonly string[],
  { from, to }: Batch,
): Promise<number[]> {
  const { rows } = await client.query<{ ms: number }>(
    `select extract(epoch from max(n.handled_at))::float8 * 1000 as ms
       from invoices i
       join payment_attempts a on a.invoice_id = i.id and a.state = 'succeeded'
       join inbox n on n.reference = a.reference and n.state = 'handled'
      where i.subscription_id = any($1::uuid[]) and i.state = 'paid'
      group by i.id`,
    [ids.slice(from, to)],
  );
  return rows.map((row) => row.ms);
}

type Person = ReturnType<typeof person>;

function person(box: Sealer, index: number) {
  const customerId = randomUUID() as CustomerId;
  const bindingId = randomUUID() as BindingId;
  const number = String(index).padStart(7, "0");
  const phone = `62812${number}`;
  const authCode = `auth-${number}`;
  return {
    customerId,
    bindingId,
    subscriptionId: randomUUID(),
    number,
    phone: box.seal(phone, phoneContext(customerId)),
    phoneIndex: box.blindIndex(phone),
    externalId: `9${number}`,
    authCode: box.seal(authCode, sealContext("auth_code", bindingId)),
    authCodeIndex: box.blindIndex(authCode),
    token: box.seal(`customer-${number}-${"t".repeat(48)}`, sealContext("customer_token", bindingId)),
  };
}

async function insertPeople(client: pg.Client, people: readonly Person[]): Promise<void> {
  await client.query(
    `insert into customers (id, reference, name, phone, phone_index, created_at)
     select x.id, 'c-' || x.number, 'Customer ' || x.number, x.phone, x.phone_index, now()
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as x (id, number, phone, phone_index)`,
    [
      people.map((each) => each.customerId),
      people.map((each) => each.number),
      people.map((each) => each.phone),
      people.map((each) => each.phoneIndex),
    ],
  );
  await client.query(
    `insert into bindings (id, customer_id, phone_index, state, external_id, auth_code, auth_code_index, success_url,
            failed_url, customer_token, customer_token_at, customer_token_expires_at, created_at, expires_at,
            activated_at)
     select x.id, x.customer_id, x.phone_index, 'active', x.external_id, x.auth_code, x.auth_code_index,
            'https://merchant.example/ok', 'https://merchant.example/ko', x.token, now(), now() + interval '15 days',
            now(), now() + interval '1 hour', now()
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
            as x (id, customer_id, phone_index, external_id, auth_code, auth_code_index, token)`,
    [
      people.map((each) => each.bindingId),
      people.map((each) => each.customerId),
      people.map((each) => each.phoneIndex),
      people.map((each) => each.externalId),
      people.map((each) => each.authCode),
      people.map((each) => each.authCodeIndex),
      people.map((each) => each.token),
    ],
  );
}

async function insertSubscriptions(
  client: pg.Client,
  people: readonly Person[],
  plan: { readonly id: string; readonly versionId: string },
): Promise<void> {
  await client.query(
    `insert into subscriptions (id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on,
            interval_unit, interval_count, next_invoice_at, created_at, activated_at)
     select x.id, 's-' || x.number, x.customer_id, $4, $5, 'active', $6, $7, 'month', 1, $8, now(), now()
       from unnest($1::uuid[], $2::text[], $3::uuid[]) as x (id, number, customer_id)`,
    [
      people.map((each) => each.subscriptionId),
      people.map((each) => each.number),
      people.map((each) => each.customerId),
      plan.id,
      plan.versionId,
      ZONE,
      DateTime.utc().setZone(ZONE).toISODate(),
      FAR_AWAY,
    ],
  );
}
