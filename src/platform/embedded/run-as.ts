import { readFileSync, statSync } from "node:fs";
import { AwayError } from "../../kernel/errors.ts";

/** The user the server runs as; empty: the one we are. */
export type RunAs = { readonly uid?: number; readonly gid?: number };

/** PostgreSQL refuses to run as root: root lends it the user `postgres`, or `nobody`. */
export function unprivilegedUser(): RunAs {
  if (process.platform === "win32" || process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new AwayError("running as root, and there is neither a user postgres nor nobody: set DATABASE_URL");
}

/** Anybody may write in /var/tmp: what lies there under our name must be ours. */
export function demandOwn(path: string): void {
  if (statSync(path).uid === process.getuid?.()) return;
  throw new AwayError(`${path} belongs to another user: remove it, or set DATABASE_URL`);
}
