// The product itself, opened on a loaded database as its processes open it.
import { pino } from "pino";
import { type House, openHouse } from "../../src/app/house.ts";
import { migrate } from "../../src/app/schema.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { migrateQueue } from "../../src/platform/queue.ts";
import { newIdentity } from "../identity.ts";

/** The role by which the measured connections are found among the server's. */
export const ROLE = "bench-scale";
/** Who merchant and gateway are in this run. */
export const identity = newIdentity();

export type Addresses = {
  readonly databaseUrl: string;
  /** Absent: nobody answers there, and nobody is asked. */
  readonly gatewayUrl?: string;
  readonly merchantPort?: number;
};

/** The environment of every process of the run; charging is allowed at any hour and at any rate. */
export function environmentFor({
  databaseUrl,
  gatewayUrl = "http://127.0.0.1:9",
  merchantPort = 3_000,
}: Addresses): Readonly<Record<string, string>> {
  return {
    DATABASE_URL: databaseUrl,
    QUEUE_BACKEND: "postgres",
    LOG_LEVEL: "info",
    PORT: String(merchantPort),
    PUBLIC_URL: `http://127.0.0.1:${merchantPort}`,
    DOKU_BASE_URL: gatewayUrl,
    DOKU_CLIENT_ID: identity.clientId,
    DOKU_SECRET_KEY: identity.secretKey,
    DOKU_PRIVATE_KEY: identity.merchantPrivateKey,
    DOKU_PUBLIC_KEY: identity.gatewayPublicKey,
    TAGIH_API_KEYS: "bench:admin:bench-only-key-0000000001",
    TAGIH_ENCRYPTION_KEY: identity.encryptionKey,
    CHARGE_WINDOW: "always",
    GATEWAY_RATE_PER_SECOND: "100000",
  };
}

/** All tables of the product and of its queue. */
export async function prepareDatabase(databaseUrl: string): Promise<void> {
  await migrate(databaseUrl);
  await migrateQueue({ kind: "postgres", url: databaseUrl });
}

/** The caller closes it. */
export function openBenchHouse(databaseUrl: string): Promise<House> {
  const config = loadConfig(environmentFor({ databaseUrl }), { gateway: true });
  const encryptionKeys = config.encryptionKeys ?? [];
  return openHouse(config, { role: ROLE, databaseUrl, encryptionKeys, log: pino({ level: "silent" }) });
}
