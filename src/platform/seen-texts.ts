import { hash } from "node:crypto";

/** Remembers in which line a text came first, in some 40 bytes a text however long they are. */
export type SeenTexts = {
  /** The line in which `text` came before; null: never, and now `line` is remembered. */
  before(text: string, line: number): number | null;
};

const FIRST_SLOTS = 4_096;

/**
 * An empty memory. It keeps 96 bits of a hash and no text: among a million texts two are taken for one with a chance
 * of less than 1 in 10^16.
 */
export function seenTexts(): SeenTexts {
  let table = emptyTable(FIRST_SLOTS);
  let count = 0;
  return {
    before: (text, line) => {
      const digest = hash("sha1", text, "buffer");
      const high = digest.readUIntBE(0, 6);
      const low = digest.readUIntBE(6, 6);
      const slot = slotOf(table, high, low);
      const known = table.lines[slot] ?? 0;
      if (known !== 0) return known;
      put(table, slot, { high, low, line });
      count += 1;
      if (count * 2 > table.lines.length) table = twiceAsLarge(table);
      return null;
    },
  };
}

type Table = {
  readonly high: Float64Array;
  readonly low: Float64Array;
  /** 0: a free slot. */
  readonly lines: Uint32Array;
};

function emptyTable(slots: number): Table {
  return { high: new Float64Array(slots), low: new Float64Array(slots), lines: new Uint32Array(slots) };
}

/** The slot of this hash, or the free one where it belongs. */
function slotOf({ high, low, lines }: Table, ofHigh: number, ofLow: number): number {
  let slot = ofHigh % lines.length;
  while (lines[slot] !== 0 && (high[slot] !== ofHigh || low[slot] !== ofLow))
    slot = (slot + 1) % lines.length;
  return slot;
}

function put(
  table: Table,
  slot: number,
  { high, low, line }: { readonly high: number; readonly low: number; readonly line: number },
): void {
  table.high[slot] = high;
  table.low[slot] = low;
  table.lines[slot] = line;
}

function twiceAsLarge(old: Table): Table {
  const table = emptyTable(old.lines.length * 2);
  for (const [index, line] of old.lines.entries()) {
    if (line === 0) continue;
    const hash = { high: old.high[index] ?? 0, low: old.low[index] ?? 0, line };
    put(table, slotOf(table, hash.high, hash.low), hash);
  }
  return table;
}
