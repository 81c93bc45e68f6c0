/** What kind of commands a block of a page holds: run in one shell, one after another, or left running. */
const KINDS = ["sh", "sh curl", "sh cli", "sh terminal", "sh curl repeat", "sh cli repeat"] as const;

/** One block of commands of a page, and what the page says that they print. */
export type Block = {
  readonly kind: (typeof KINDS)[number];
  /** Where it begins in the page. */
  readonly line: number;
  readonly commands: string;
  /** `…` stands for anything within a line, and alone in a line for any number of lines. */
  readonly prints: string | null;
};

/** The blocks of a Markdown page that are to be run, in order; blocks of no kind are only for reading. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  for (const { index, groups } of page.matchAll(/^```(?<kind>[^\n]*)\n(?<text>.*?)^```$/gms)) {
    const { kind = "", text = "" } = groups ?? {};
    const line = page.slice(0, index).split("\n").length;
    const runs = KINDS.find((name) => name === kind);
    const last = blocks.at(-1);
    if (runs !== undefined) blocks.push({ kind: runs, line, commands: text, prints: null });
    else if (kind === "text" && last?.prints === null) blocks[blocks.length - 1] = { ...last, prints: text };
    else if (kind !== "") throw new Error(`line ${line}: a block of the kind "${kind}" belongs to nothing`);
  }
  return blocks;
}

/** Whether `said` is what a page says; how many spaces stand between two words does not count. */
export function isAsShown(said: string, prints: string): boolean {
  const lines = prints.trim().split("\n").map(oneSpace);
  const source = lines.map((line) => {
    if (line === "…") return "(?:[^\\n]*\\n)*?";
    return `${line.split("…").map(literally).join("[^\\n]*?")}\\n`;
  });
  const text = `${said.trim().split("\n").map(oneSpace).join("\n")}\n`;
  return new RegExp(`^${source.join("")}$`).test(text);
}

function oneSpace(line: string): string {
  return line.trim().replace(/ +/g, " ");
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
