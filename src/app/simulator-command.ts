import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidError } from "../kernel/errors.ts";
import { loadConfig } from "../platform/config.ts";
import { privatePemOf, publicPemOf } from "../platform/pem.ts";
import { startSimulator } from "../simulator/simulator.ts";
import { EMBEDDED_DIR, untilToldToStop } from "./process.ts";

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
  const key = ownKey();
  const known = merchantOf(flags, key.publicPem);
  const simulator = await startSimulator({ port, privateKeyPem: key.privatePem, ...known });
  process.stdout.write(`simulator listening on ${simulator.url}\n`);
  process.stdout.write(`it signs with its own key: DOKU_PUBLIC_KEY_FILE=${key.publicFile}\n`);
  if (!("merchant" in known))
    process.stdout.write(
      "it knows no merchant yet: set DOKU_CLIENT_ID, DOKU_SECRET_KEY and DOKU_PRIVATE_KEY, give the flags, or POST /_sim/merchants\n",
    );
  process.send?.("ready");
  await untilToldToStop();
  await simulator.stop();
}

/** The gateway's key pair, made once in this folder, so that a restart does not become a stranger to the merchant. */
function ownKey(): { readonly privatePem: string; readonly publicPem: string; readonly publicFile: string } {
  const file = join(EMBEDDED_DIR, "simulator.pem");
  const publicFile = join(EMBEDDED_DIR, "simulator.pub.pem");
  if (!existsSync(file)) {
    mkdirSync(EMBEDDED_DIR, { recursive: true });
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(file, privatePemOf(privateKey), { mode: 0o600 });
  }
  const privatePem = readFileSync(file, "utf8");
  const publicPem = publicPemOf(privatePem);
  writeFileSync(publicFile, publicPem);
  return { privatePem, publicPem, publicFile };
}

function portOf(text: string | undefined): number {
  const port = Number(text ?? 0);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidError(`--port: "${text}" is no port; give a number from 0 to 65535`, { usage: true });
}

/** The merchant of the flags, else of the product's own variables; with neither, merchants register by `/_sim/merchants`. */
function merchantOf(flags: SimulatorFlags, ownPublicPem: string) {
  const { merchantUrl, clientId, secretKey, merchantPublicKey } = flags;
  const given = [merchantUrl, clientId, secretKey, merchantPublicKey].filter((flag) => flag !== undefined);
  if (given.length === 0) return merchantOfEnvironment(ownPublicPem);
  if (!merchantUrl || !clientId || !secretKey || !merchantPublicKey)
    throw new InvalidError(
      "--merchant-url, --client-id, --secret-key and --merchant-public-key go together: give all four or none",
      { usage: true },
    );
  return { merchant: merchant(merchantUrl, clientId, secretKey, readKey(merchantPublicKey)) };
}

/** The merchant's own variables, whatever they say of the gateway: here the gateway is us. */
function merchantOfEnvironment(ownPublicPem: string) {
  const { DOKU_PUBLIC_KEY_FILE: _file, ...env } = process.env;
  const us = { DOKU_PUBLIC_KEY: ownPublicPem, DOKU_BASE_URL: "http://127.0.0.1" };
  const { gateway, publicUrl } = loadConfig({ ...env, ...us }, {});
  if (gateway === null) return {};
  const publicKey = publicPemOf(gateway.privateKey);
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
