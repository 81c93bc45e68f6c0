import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { InvalidError } from "../kernel/errors.ts";
import { loadConfig } from "../platform/config.ts";
import { startSimulator } from "../simulator/simulator.ts";
import { untilToldToStop } from "./process.ts";

export type SimulatorFlags = {
  readonly port?: string;
  readonly merchantUrl?: string;
  readonly clientId?: string;
  readonly secretKey?: string;
  readonly merchantPublicKey?: string;
};

/** `tagih simulator`: the stand-in gateway, until SIGTERM. Prints its address first. */
export async function simulatorCommand(flags: SimulatorFlags): Promise<void> {
  const port = portOf(flags.port);
  const simulator = await startSimulator({ port, ...merchantOf(flags) });
  process.stdout.write(`simulator listening on ${simulator.url}\n`);
  process.send?.("ready");
  await untilToldToStop();
  await simulator.stop();
}

function portOf(text: string | undefined): number {
  const port = Number(text ?? 0);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidError(`--port: "${text}" is no port; give a number from 0 to 65535`, { usage: true });
}

/** The merchant of the flags, else of the product's own variables; with neither, merchants register by `/_sim/merchants`. */
function merchantOf(flags: SimulatorFlags) {
  const { merchantUrl, clientId, secretKey, merchantPublicKey } = flags;
  const given = [merchantUrl, clientId, secretKey, merchantPublicKey].filter((flag) => flag !== undefined);
  if (given.length === 0) return merchantOfEnvironment();
  if (!merchantUrl || !clientId || !secretKey || !merchantPublicKey)
    throw new InvalidError(
      "--merchant-url, --client-id, --secret-key and --merchant-public-key go together: give all four or none",
      { usage: true },
    );
  return { merchant: merchant(merchantUrl, clientId, secretKey, readKey(merchantPublicKey)) };
}

function merchantOfEnvironment() {
  const { gateway, publicUrl } = loadConfig(process.env, {});
  if (gateway === null) return {};
  const publicKey = createPublicKey(gateway.privateKey).export({ type: "spki", format: "pem" }).toString();
  return { merchant: merchant(publicUrl, gateway.clientId, gateway.secretKey, publicKey) };
}

/** Where a merchant that is Tagih wants to be called. */
export function merchant(url: string, clientId: string, secretKey: string, publicKeyPem: string) {
  const base = url.replace(/\/$/, "");
  return {
    clientId,
    secretKey,
    publicKeyPem,
    tokenUrl: `${base}/v1.0/access-token/b2b`,
    notifyUrl: `${base}/v1.0/debit/notify`,
    bindingNotifyUrl: `${base}/v1.0/registration-account-binding/notify`,
  };
}

function readKey(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new InvalidError(`--merchant-public-key: ${path} cannot be read`, { usage: true }, { cause });
  }
}
