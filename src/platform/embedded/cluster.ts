import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { AwayError } from "../../kernel/errors.ts";
import { randomHex } from "../random.ts";
import { demandOwn, type RunAs } from "./run-as.ts";

/** Where one embedded server keeps its data. */
export type Cluster = {
  readonly root: string;
  readonly data: string;
  readonly log: string;
  readonly passwordFile: string;
};

/** The cluster that belongs to `dir`. Data is moved aside when the server's user could not reach it. */
export function clusterAt(dir: string, as: RunAs): Cluster {
  const root = reachableRoot(resolve(dir), as);
  return {
    root,
    data: join(root, "pgdata"),
    log: join(root, "postgres.log"),
    passwordFile: join(root, "postgres.password"),
  };
}

/** The data folder of a project in a home that only root may enter: beside it, under a name of its own. */
function reachableRoot(root: string, as: RunAs): string {
  mkdirSync(root, { recursive: true });
  if (as.uid === undefined) return root;
  const probe = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", root], { ...as, cwd: "/" });
  if (probe.status === 0) return root;
  const aside = `/var/tmp/tagih-data-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`;
  mkdirSync(aside, { recursive: true });
  demandOwn(aside);
  chmodSync(aside, 0o755);
  return aside;
}

/** Makes the cluster if it is not there: a random password in a 0600 file, scram, UTF-8. */
export function initialise(cluster: Cluster, binaries: string, as: RunAs, durable: boolean): void {
  if (existsSync(cluster.data)) return;
  // Made under another name: a first start that is interrupted leaves no half of a cluster behind.
  const draft = `${cluster.data}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(cluster.passwordFile, `${randomHex(18)}\n`, { mode: 0o600 });
  if (as.uid !== undefined && as.gid !== undefined) {
    chownSync(draft, as.uid, as.gid);
    chownSync(cluster.passwordFile, as.uid, as.gid);
  }
  const settings = [
    "-U",
    "postgres",
    "-A",
    "scram-sha-256",
    `--pwfile=${cluster.passwordFile}`,
    "-E",
    "UTF8",
  ];
  const made = spawnSync(
    join(binaries, "bin", "initdb"),
    ["-D", draft, ...settings, "--locale=C", "--no-instructions", ...(durable ? [] : ["--no-sync"])],
    { ...as, cwd: cluster.root, encoding: "utf8", env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } },
  );
  if (made.status !== 0) {
    const why = made.error?.message ?? `exit ${made.status}: ${made.stderr}`;
    throw new AwayError(`the embedded PostgreSQL could not be made in ${draft}: ${why}`);
  }
  renameSync(draft, cluster.data);
}

/** The address of a database of the cluster's server on `port`. */
export function urlOf(cluster: Cluster, port: number, database: string): string {
  const password = readFileSync(cluster.passwordFile, "utf8").trim();
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
}
