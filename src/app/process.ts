import { join } from "node:path";
import { type Logger, pino } from "pino";
import { InvalidError } from "../kernel/errors.ts";
import { type Config, type ConfigFor, loadConfig, type Needs } from "../platform/config.ts";
import { ownEncryptionKey } from "../platform/config-own-key.ts";
import { type Embedded, openEmbedded } from "../platform/embedded/embedded.ts";
import { armFailpoints } from "../platform/failpoint.ts";
import { openLogger } from "../platform/logger.ts";
import { migrateQueue } from "../platform/queue.ts";
import type { EncryptionKey } from "../platform/secrets.ts";
import { queueBackendOf } from "./house.ts";
import { migrate } from "./schema.ts";

/** Where the embedded server keeps its data and its key: below the folder the command is run in. */
export const EMBEDDED_DIR = join(process.cwd(), ".tagih");

const SERVING: readonly string[] = ["server", "worker"];

/** What every command begins with: a checked configuration, a database to reach, and a log. */
export type Footing<C extends Config = Config> = {
  readonly config: C;
  readonly databaseUrl: string;
  readonly encryptionKeys: readonly EncryptionKey[];
  readonly log: Logger;
  /** Gives the embedded server up, if it was used. */
  leave(): Promise<void>;
};

/** Reads the configuration and finds the database, starting the embedded one (and its tables) when none is named. */
export async function standOn<const N extends Needs>(role: string, needs: N): Promise<Footing<ConfigFor<N>>> {
  const config = loadConfig(process.env, needs);
  armForTests(config);
  // A command's standard output is its answer, perhaps for another program: its log goes to standard error.
  const serves = SERVING.includes(role);
  const log = openLogger({ level: config.logLevel, role, ...(serves ? {} : { to: pino.destination(2) }) });
  const encryptionKeys = config.encryptionKeys ?? [ownEncryptionKey(EMBEDDED_DIR)];
  if (config.databaseUrl !== null)
    return { config, databaseUrl: config.databaseUrl, encryptionKeys, log, leave: async () => {} };
  const embedded = await openEmbedded({ dir: EMBEDDED_DIR, role });
  if (serves) log.info({ event: "embedded.postgres", notice: embedded.notice, adopted: embedded.adopted });
  else process.stderr.write(`${embedded.notice}\n`);
  await prepare(config, embedded);
  return { config, databaseUrl: embedded.url, encryptionKeys, log, leave: () => embedded.leave() };
}

/** The fault tests have processes die at chosen points; no configuration of a merchant has this. */
function armForTests(config: Config): void {
  const spec = process.env["TAGIH_FAILPOINTS"];
  if (spec === undefined) return;
  if (config.production)
    throw new InvalidError("TAGIH_FAILPOINTS is not for production: leave it out", { usage: true });
  armFailpoints(spec);
}

/** An embedded server is nobody's to administer: whoever opens it brings its tables up to date. */
async function prepare(config: Config, embedded: Embedded): Promise<void> {
  await migrate(embedded.url);
  await migrateQueue(queueBackendOf(config, embedded.url));
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function untilToldToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (told) process.exit(1);
        told = true;
        resolve(signal);
      });
    }
  });
}
