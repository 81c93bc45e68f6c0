import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "../../bin/tagih.mjs");

export type Environment = Readonly<Record<string, string>>;
export type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

/** A folder to run a command in. Others may look in: PostgreSQL runs as a user of its own. */
export function makeFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "tagih-cli-"));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs one command to its end, as a process of its own, with this environment and no other. */
export async function runTagih(
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Environment; readonly cwd: string },
): Promise<Ran> {
  const started = startTagih(args, { env, cwd });
  const code = await started.ended;
  return { code, ...started.said() };
}

export type Started = {
  readonly child: ChildProcess;
  /** The exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  said(): { readonly out: string; readonly err: string };
  /** Asks it to stop, as a supervisor does, and answers its exit code. */
  stop(): Promise<number | null>;
};

/** Starts one command and leaves it running. */
export function startTagih(
  args: readonly string[],
  { env = {}, cwd }: { readonly env?: Environment; readonly cwd: string },
): Started {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  // "close": all that it said has been read.
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    ended,
    said: () => ({ ...said }),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = { type: "pkcs8", format: "pem" } as const;

/** The merchant's key pair of a test, and an environment that is complete but for addresses. */
export const MERCHANT = {
  clientId: "BRN-0000-0000000000001",
  secretKey: "SK-command-line-0001",
  apiKey: "command-line-key-0001",
  publicKey: keys.publicKey.export({ type: "spki", format: "pem" }).toString(),
  env: {
    DOKU_BASE_URL: "http://127.0.0.1:9",
    DOKU_CLIENT_ID: "BRN-0000-0000000000001",
    DOKU_SECRET_KEY: "SK-command-line-0001",
    DOKU_PRIVATE_KEY: keys.privateKey.export(pem).toString(),
    DOKU_PUBLIC_KEY: keys.publicKey.export({ type: "spki", format: "pem" }).toString(),
    TAGIH_API_KEYS: "test:admin:command-line-key-0001",
    TAGIH_ENCRYPTION_KEY: `test:${Buffer.alloc(32, 7).toString("base64")}`,
    QUEUE_BACKEND: "postgres",
  },
} as const;
