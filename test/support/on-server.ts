import pg from "pg";

/** One statement that no transaction may hold, on the server at `url`: databases are made and dropped so. */
export async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
