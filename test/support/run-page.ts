import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../src/platform/timer.ts";
import { type Block, isAsShown } from "./page.ts";
import type { Environment } from "./run-tagih.ts";

/** How long a reader would wait for what the page promises. */
const PATIENCE_MS = 30_000;

type Place = { readonly cwd: string; readonly env: Environment };

/** A reader who types what a page says, and throws, with the line, when something else comes of it. */
type Reader = {
  follow(blocks: readonly Block[]): Promise<void>;
  /** Ctrl-C in every terminal; resolves when all have ended. */
  interrupt(): Promise<void>;
  /** Ends whatever still runs. */
  kill(): void;
};

/** Opens a shell in `cwd`; what a block leaves running gets one of its own. */
export function startReader({ cwd, env }: Place): Reader {
  const shell = openShell({ cwd, env });
  const terminals: Program[] = [];
  const follow = async (blocks: readonly Block[]): Promise<void> => {
    for (const block of blocks) {
      if (block.kind !== "sh terminal") await shell.type(block);
      else {
        const terminal = startProgram(["-c", block.commands], { cwd, env });
        terminals.push(terminal);
        await seeAhead(terminal, block);
      }
    }
  };
  const signal = (name: NodeJS.Signals, programs: readonly Program[]): void => {
    for (const { child } of programs) {
      // As a terminal does: to all that was started in it.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, name);
    }
  };
  return {
    follow,
    interrupt: async () => {
      signal("SIGINT", terminals);
      await Promise.all(terminals.map(({ ended }) => ended));
    },
    kill: () => signal("SIGKILL", [...terminals, shell.program]),
  };
}

type Said = { readonly out: string; readonly err: string };

type Program = {
  readonly child: ChildProcess;
  /** The exit code, once all that it said has been read; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly said: { out: string; err: string };
};

function startProgram(args: readonly string[], { cwd, env }: Place): Program {
  const child = spawn("bash", args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  // Who has ended reads no more; that it has ended is seen elsewhere.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, ended, said };
}

/** Waits until a program that stays says what the page shows, among whatever else it says. */
async function seeAhead({ child, said }: Program, block: Block): Promise<void> {
  const prints = `…\n${(block.prints ?? "").trim()}\n…`;
  await patiently(block, async () => {
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    return { said, hasEnded, isRight: !hasEnded && isAsShown(said.out, prints) };
  });
}

/** One bash for the whole page, so that what a block exports is there for the next. */
function openShell(place: Place) {
  const program = startProgram(["-euo", "pipefail"], place);
  const { child, said } = program;
  let hasEnded = false;
  void program.ended.then(() => {
    hasEnded = true;
  });
  let turns = 0;
  const run = async (block: Block): Promise<Said> => {
    turns += 1;
    const file = join(place.cwd, `typed-${turns}.sh`);
    writeFileSync(file, block.commands);
    const mark = `\nend of ${turns}\n`;
    Object.assign(said, { out: "", err: "" });
    // Not from standard input: what is run there would read the commands that follow.
    child.stdin?.write(`. ${file} < /dev/null; printf "${mark.replaceAll("\n", "\\n")}"\n`);
    await patiently(block, async () => ({ said, isRight: hasEnded || said.out.endsWith(mark) }));
    return { out: said.out.replace(mark, ""), err: said.err };
  };
  const type = (block: Block): Promise<void> =>
    patiently(block, async () => {
      const seen = await run(block);
      const isRight = !hasEnded && (block.prints === null || isAsShown(seen.out, block.prints));
      return { said: seen, isRight, hasEnded: hasEnded || !block.kind.endsWith("repeat") };
    });
  return { program, type };
}

type Seen = { readonly said: Said; readonly isRight: boolean; readonly hasEnded?: boolean };

/** Looks until it is right; throws with what was seen last when it never will be, or not soon enough. */
async function patiently(block: Block, look: () => Promise<Seen>): Promise<void> {
  let last: Said = { out: "", err: "" };
  await until(`line ${block.line} does what it says`, PATIENCE_MS, async () => {
    const { said, isRight, hasEnded = false } = await look();
    last = said;
    if (!isRight && hasEnded) throw new Error("it has ended");
    return isRight;
  }).catch((cause: unknown) => {
    throw unlike(block, last, cause);
  });
}

function unlike({ line, commands, prints }: Block, { out, err }: Said, cause: unknown): Error {
  return new Error(
    `line ${line} does not do what the page says\n${commands}\nit should print\n${prints}\nand printed\n${out}\n${err}`,
    { cause },
  );
}
