// Loading is faster without constraints, indexes and triggers. They are put back from the database's own definitions, and what
// stands there in the end is compared with what stood there before.
import type pg from "pg";

/** All tables of the product; the queue keeps its own in another schema. */
const OURS = `'public'::regnamespace`;

type Part = { readonly table: string; readonly name: string; readonly definition: string };

/** What was taken down. */
export type Parts = {
  readonly keys: readonly Part[];
  readonly indexes: readonly Part[];
  readonly foreignKeys: readonly Part[];
  /** Switched off and on: what is loaded is known to pass them, and they would look for it without an index. */
  readonly triggers: readonly Part[];
};

/** Drops all keys, exclusions, indexes and foreign keys, and switches triggers off. */
export async function takeDown(client: pg.Client): Promise<Parts> {
  const parts = await read(client);
  for (const { table, name } of parts.triggers)
    await client.query(`alter table ${table} disable trigger ${name}`);
  for (const { table, name } of [...parts.foreignKeys, ...parts.keys])
    await client.query(`alter table ${table} drop constraint ${name}`);
  for (const { name } of parts.indexes) await client.query(`drop index ${name}`);
  return parts;
}

/** Puts everything back, validated; throws when the schema is not exactly what it was. */
export async function rebuild(client: pg.Client, parts: Parts, say: (line: string) => void): Promise<void> {
  const add = ({ table, name, definition }: Part) =>
    `alter table ${table} add constraint ${name} ${definition}`;
  const steps = [
    ...parts.keys.map((key) => [key.name, add(key)] as const),
    ...parts.indexes.map(({ name, definition }) => [name, definition] as const),
    ...parts.foreignKeys.map((key) => [key.name, add(key)] as const),
  ];
  for (const [name, statement] of steps) {
    await client.query(statement);
    say(`built ${name}`);
  }
  for (const { table, name } of parts.triggers)
    await client.query(`alter table ${table} enable trigger ${name}`);
  const now = await read(client);
  if (JSON.stringify(now) !== JSON.stringify(parts))
    throw new Error("after loading the schema is not the product's");
}

async function read(client: pg.Client): Promise<Parts> {
  const constraints = async (types: string) => {
    const { rows } = await client.query<Part>(
      `select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
         from pg_constraint
        where connamespace = ${OURS} and conrelid <> 0 and contype::text = any(string_to_array($1, null))
        order by 1, 2`,
      [types],
    );
    return rows;
  };
  const { rows: indexes } = await client.query<Part>(
    `select i.indrelid::regclass::text as table, i.indexrelid::regclass::text as name,
            pg_get_indexdef(i.indexrelid) as definition
       from pg_index i join pg_class c on c.oid = i.indexrelid
      where c.relnamespace = ${OURS}
        and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
      order by 1, 2`,
  );
  const { rows: triggers } = await client.query<Part>(
    `select t.tgrelid::regclass::text as table, quote_ident(t.tgname) as name,
            t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid) as definition
       from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = ${OURS} and not t.tgisinternal
      order by 1, 2`,
  );
  return { keys: await constraints("pux"), indexes, foreignKeys: await constraints("f"), triggers };
}
