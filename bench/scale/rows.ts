// A house with many subscriptions, made in SQL: customers with a linked wallet, one monthly subscription each, and
// the paid invoice of its running period.
import type pg from "pg";
import { sealContext } from "../../src/customers/binding.ts";
import type { BindingId } from "../../src/kernel/ids.ts";
import type { Sealer } from "../../src/platform/secrets.ts";
import { rebuild, takeDown } from "./schema.ts";

type Say = (line: string) => void;

/** Rows of one insert: often enough to show progress, and far above the fixed cost of a statement. */
const CHUNK = 500_000;
const PLANS = 10;
const PRICE = 99_000;
const TODAY = `(now() at time zone 'Asia/Jakarta')::date`;
/** Nobody is due before tomorrow: the running period began 1 to 27 days ago, and the shortest month has 28. */
const STARTED = `(${TODAY} - 1 - i % 27)`;
const AT_EIGHT = `+ time '08:00') at time zone 'Asia/Jakarta'`;

/** The id of row `i` of a table, as scattered as a random one. `i` is an SQL expression. */
function idOf(table: "customers" | "bindings" | "subscriptions" | "invoices", i: string): string {
  return uuid(`'${table}' || ${i}`);
}

function uuid(text: string): string {
  return `overlay(overlay(md5(${text}) placing '4' from 13) placing '8' from 17)::uuid`;
}

/** As long as a sealed text is, and as little compressible; nobody opens it. */
function sealed(of: string, length: number): string {
  const hashes = Array.from({ length: Math.ceil(length / 32) }, (_, n) => `md5('${of}${n}' || i)`).join(
    " || ",
  );
  return `'v1:bench:' || left(md5('${of}' || i), 16) || ':' || left(${hashes}, ${length})`;
}

const PHONE_INDEX = `left(md5('phone' || i) || md5('index' || i), 43)`;
const VERSION = uuid(`'plan_versions' || i % ${PLANS}`);
const PLAN = uuid(`'plans' || i % ${PLANS}`);

const INSERTS: readonly (readonly [string, string])[] = [
  [
    "customers",
    `insert into customers (id, reference, name, phone, phone_index, created_at)
     select ${idOf("customers", "i")}, 'c-' || i, 'Customer number ' || i, ${sealed("phone", 40)}, ${PHONE_INDEX},
            (${STARTED} ${AT_EIGHT}
       from generate_series($1::int, $2::int) as i`,
  ],
  [
    "bindings",
    `insert into bindings (id, customer_id, phone_index, state, external_id, auth_code, auth_code_index, success_url,
            failed_url, gateway_reference, customer_token, customer_token_at, customer_token_expires_at,
            refresh_token, refresh_expires_at, created_at, expires_at, activated_at)
     select ${idOf("bindings", "i")}, ${idOf("customers", "i")}, ${PHONE_INDEX}, 'active', '7' || lpad(i::text, 19, '0'),
            ${sealed("code", 64)}, left(md5('code' || i) || md5('codes' || i), 43), 'https://merchant.example/ok',
            'https://merchant.example/ko', left(md5('gateway' || i), 20), ${sealed("token", 107)},
            (${STARTED} ${AT_EIGHT}, (${STARTED} + 15 ${AT_EIGHT}, ${sealed("refresh", 107)},
            (${STARTED} + 365 ${AT_EIGHT}, (${STARTED} ${AT_EIGHT}, (${STARTED} + 1 ${AT_EIGHT}, (${STARTED} ${AT_EIGHT}
       from generate_series($1::int, $2::int) as i`,
  ],
  [
    "subscriptions",
    `insert into subscriptions (id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on,
            interval_unit, interval_count, next_index, next_invoice_at, last_opened_on, created_at, activated_at)
     select ${idOf("subscriptions", "i")}, 's-' || i, ${idOf("customers", "i")}, ${PLAN}, ${VERSION}, 'active',
            'Asia/Jakarta', ${STARTED}, 'month', 1, 1, (${STARTED} + interval '1 month' ${AT_EIGHT}, ${STARTED},
            (${STARTED} ${AT_EIGHT}, (${STARTED} ${AT_EIGHT}
       from generate_series($1::int, $2::int) as i`,
  ],
  [
    "invoices",
    `insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, period_start, period_end,
            cut_on, bills_on, amount, state, lease_no, requests_used, created_at, paid_at, closed_at)
     select ${idOf("invoices", "i")}, ${idOf("subscriptions", "i")}, ${idOf("customers", "i")}, ${VERSION}, 0, ${STARTED},
            (${STARTED} + interval '1 month')::date, ${STARTED}, ${STARTED}, ${PRICE}, 'paid', 1, 1, (${STARTED} ${AT_EIGHT},
            (${STARTED} ${AT_EIGHT}, (${STARTED} ${AT_EIGHT}
       from generate_series($1::int, $2::int) as i`,
  ],
  [
    "invoice_lines",
    `insert into invoice_lines (invoice_id, number, kind, amount)
     select ${idOf("invoices", "i")}, 1, 'period', ${PRICE} from generate_series($1::int, $2::int) as i`,
  ],
];

/** Fills an empty, migrated database; every constraint and index of the product is there again afterwards. */
export async function loadRows(client: pg.Client, count: number, say: Say): Promise<void> {
  await client.query(`set synchronous_commit = off`);
  await client.query(`set maintenance_work_mem = '1GB'`);
  await insertPlans(client);
  const parts = await takeDown(client);
  for (const [table, insert] of INSERTS) await fill(client, { table, insert, count }, say);
  await rebuild(client, parts, say);
  say("vacuum and checkpoint");
  await client.query(`vacuum (analyze)`);
  await client.query(`checkpoint`);
}

async function fill(
  client: pg.Client,
  { table, insert, count }: { readonly table: string; readonly insert: string; readonly count: number },
  say: Say,
): Promise<void> {
  for (let from = 1; from <= count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK - 1);
    await client.query(insert, [from, to]);
    say(`${table}: ${to.toLocaleString("en")}`);
  }
}

async function insertPlans(client: pg.Client): Promise<void> {
  await client.query(
    `insert into plans (id, code, name, interval_unit, interval_count, created_at)
     select ${PLAN}, 'plan-' || i, 'Plan ' || i, 'month', 1, now() - interval '60 days' from generate_series(1, ${PLANS}) as i`,
  );
  await client.query(
    `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at)
     select ${VERSION}, ${PLAN}, 1, ${PRICE}, ${TODAY} - 60, now() - interval '60 days'
       from generate_series(1, ${PLANS}) as i`,
  );
}

/** Which rows: every `stride`-th from `first` on, `count` of them. Neighbours in time are far apart on the disk. */
export type Scatter = { readonly first: number; readonly stride: number; readonly count: number };

/** `count` rows spread over all `size`; another `round` takes others as far as there are any. */
export function scatter(size: number, count: number, round: number): Scatter {
  const stride = Math.max(1, Math.floor(size / count));
  return { first: 1 + (round % stride), stride, count };
}

/** Makes these subscriptions due, all at once: their next period begins today, and what is billed was cut before. */
export async function makeDue(client: pg.Client, { first, stride, count }: Scatter): Promise<void> {
  // A scan of the whole table would read everything into memory that a claim is to find cold.
  await client.query(`set enable_seqscan = off`);
  const { rowCount } = await client.query(
    `update subscriptions
        set next_invoice_at = now() - interval '1 minute', counted_from_on = ${TODAY}, counted_from_index = next_index,
            last_opened_on = null
      where id in (select ${idOf("subscriptions", NTH)} from generate_series(0, $3::int - 1) as n)`,
    [first, stride, count],
  );
  if (rowCount !== count) throw new Error(`${rowCount} subscriptions became due instead of ${count}`);
}

const NTH = `($1::int + n * $2::int)`;
/** Tokens of one statement. */
const TOKENS = 5_000;

/** Gives the wallets of these rows tokens that open, as if they had been exchanged a moment ago. */
export async function makeTokens(
  client: pg.Client,
  sealer: Sealer,
  { first, stride, count }: Scatter,
): Promise<void> {
  await client.query(`set enable_seqscan = off`);
  const { rows } = await client.query<{ id: BindingId }>(
    `select ${idOf("bindings", NTH)} as id from generate_series(0, $3::int - 1) as n`,
    [first, stride, count],
  );
  for (let from = 0; from < rows.length; from += TOKENS) {
    const ids = rows.slice(from, from + TOKENS).map(({ id }) => id);
    const tokens = ids.map((id) => sealer.seal("t".repeat(64), sealContext("customer_token", id)));
    await client.query(
      `update bindings b
          set customer_token = x.token, customer_token_at = now(), customer_token_expires_at = now() + interval '15 days'
         from unnest($1::uuid[], $2::text[]) as x (id, token)
        where b.id = x.id`,
      [ids, tokens],
    );
  }
}
