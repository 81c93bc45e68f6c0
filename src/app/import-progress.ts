import type { ImportCounts } from "../subscriptions/import-outcome.ts";

type Screen = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
};

type Tools = {
  readonly screen: Screen;
  /** Of the whole file. */
  readonly bytes: number;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
};

type Progress = {
  /** So far: bytes that were read and lines by what became of them. */
  show(readBytes: number, counts: ImportCounts): void;
  /** Leaves the cursor on a line of its own. */
  end(): void;
};

/** On a terminal a bar that is drawn anew this often; elsewhere, where lines stay, a line each 10,000 rows. */
const DRAW_EVERY_MS = 100;
const LINE_EVERY_ROWS = 10_000;
const BAR_CELLS = 24;

/** How far an import has come, for whoever waits for it. */
export function importProgress(tools: Tools): Progress {
  return tools.screen.isTTY === true ? bar(tools) : lines(tools);
}

function bar({ screen, bytes, nowMs }: Tools): Progress {
  const beganMs = nowMs();
  let drawnMs = Number.NEGATIVE_INFINITY;
  let text = "";
  const draw = () => {
    drawnMs = nowMs();
    screen.write(`\r${text.slice(0, (screen.columns ?? 80) - 1)}`);
  };
  return {
    show: (readBytes, counts) => {
      // Padded to what stands there, so that nothing of it is left.
      text = drawing(shareOf(readBytes, bytes), counts, nowMs() - beganMs).padEnd(text.length);
      if (nowMs() - drawnMs >= DRAW_EVERY_MS) draw();
    },
    end: () => {
      if (text === "") return;
      draw();
      screen.write("\n");
    },
  };
}

function drawing(share: number, counts: ImportCounts, ms: number): string {
  const rows = rowsOf(counts);
  const full = Math.round(share * BAR_CELLS);
  const perSecond = ms > 0 ? Math.round((rows / ms) * 1_000) : 0;
  const cells = `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)}`;
  return `${cells} ${percent(share)}  ${amount(rows)} rows  ${amount(perSecond)}/s  ${amount(counts.refused)} refused`;
}

function lines({ screen, bytes }: Tools): Progress {
  let next = LINE_EVERY_ROWS;
  return {
    show: (readBytes, counts) => {
      const rows = rowsOf(counts);
      if (rows < next) return;
      next = rows - (rows % LINE_EVERY_ROWS) + LINE_EVERY_ROWS;
      const done = percent(shareOf(readBytes, bytes)).trim();
      screen.write(`${amount(rows)} rows, ${done}, ${amount(counts.refused)} refused\n`);
    },
    end: () => {},
  };
}

/** All lines of an import, whatever became of them. */
export function rowsOf({ imported, importable, unchanged, refused }: ImportCounts): number {
  return imported + importable + unchanged + refused;
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 1 : Math.min(1, part / whole);
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`.padStart(5);
}

function amount(count: number): string {
  return count.toLocaleString("en");
}
