import pg from "pg";
import { randomHex } from "../random.ts";
import { after } from "../timer.ts";
import { withClient } from "./server.ts";

/** One connection for as long as a process lives: it tells the others that somebody is still here. */
export type Anchor = {
  readonly name: string;
  lift(): Promise<void>;
};

/** A connection that breaks (a backend crashed, all were ended) is made again this soon. */
const DROP_AGAIN_AFTER_MS = 1_000;

/** Connects as `tagih:<role>@<process id>-<random>`; nothing but an anchor has such a name. */
export async function dropAnchor(url: string, role: string): Promise<Anchor> {
  const name = `tagih:${role}@${process.pid}-${randomHex(3)}`;
  let lifted = false;
  let client = await connect();

  async function connect(): Promise<pg.Client> {
    const fresh = new pg.Client({ connectionString: url, application_name: name, keepAlive: true });
    // What broke is found by the next query of whoever needs the server; here only the loss counts.
    fresh.on("error", () => {});
    await fresh.connect();
    fresh.once("end", dropAgain);
    return fresh;
  }
  function dropAgain(): void {
    if (lifted) return;
    after(DROP_AGAIN_AFTER_MS, () => {
      if (lifted) return;
      connect().then((fresh) => {
        client = fresh;
      }, dropAgain);
    });
  }
  return {
    name,
    lift: async () => {
      lifted = true;
      await client.end();
    },
  };
}

/** How many others of ours are anchored at the server. */
export function countOthers(adminUrl: string, own: Anchor): Promise<number> {
  return withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ others: number }>(
      `select count(*)::int as others
         from pg_stat_activity
        where application_name like 'tagih:%@%' and application_name <> $1`,
      [own.name],
    );
    return rows[0]?.others ?? 0;
  });
}
