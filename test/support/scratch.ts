import { accessSync, chmodSync, constants, mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that lives in memory, where Linux has one. */
const MEMORY = "/dev/shm";
/** What the databases of a whole run may take with ease; a container often grants 64 MB. */
const ROOM_BYTES = 2 * 1024 ** 3;

/** A new folder for a throw-away server: in memory if there is room, because a busy disk costs a run its minutes. */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(hasRoom(MEMORY) ? MEMORY : tmpdir(), `${name}-`));
  // Others may look in: PostgreSQL runs as a user of its own.
  chmodSync(folder, 0o755);
  return folder;
}

function hasRoom(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM_BYTES;
  } catch {
    // There is no such folder, or it is not ours to write in.
    return false;
  }
}
