// What is left when everything is taken away that keeps money safe: the limit of this machine, not a product.
import { join } from "node:path";
import pg from "pg";
import { migrate } from "../../src/app/schema.ts";
import type { Contender, Running, Stage } from "../contender.ts";
import type { FloorSettings } from "../floor/settings.ts";
import { demandAlive, firstMessage, launch } from "../launch.ts";
import { countPaidInvoices, handledAt, populate, scheduleSubscriptions } from "../tagih-rows.ts";

const SCRIPT = join(import.meta.dirname, "../floor/process.ts");

export const floor: Contender = { name: "floor", open };

async function open(stage: Stage): Promise<Running> {
  const { databaseUrl, gatewayUrl, merchantPort: port, identity, latencyMs, folder } = stage;
  await migrate(databaseUrl);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const ids = await populate(client, identity.encryptionKey, stage.invoices);
  const { clientId, secretKey, merchantPrivateKey: privateKey } = identity;
  const connections = latencyMs > 0 ? 1_000 : 100;
  const settings: FloorSettings = {
    databaseUrl,
    gatewayUrl,
    port,
    clientId,
    secretKey,
    privateKey,
    connections,
  };
  const env = { BENCH_FLOOR: JSON.stringify(settings) };
  const launched = launch("floor", ["--import", "tsx", SCRIPT], { env, folder });
  await firstMessage(launched);
  return {
    processes: [launched],
    schedule: (batch, at) => scheduleSubscriptions(client, ids, batch, at),
    countPaid: () => {
      demandAlive(launched);
      return countPaidInvoices(client);
    },
    paidAt: (batch) => handledAt(client, ids, batch),
    stop: async () => {
      await launched.stop();
      await client.end();
    },
  };
}
