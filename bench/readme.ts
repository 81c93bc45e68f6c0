// The README's section: words that stay, and the figures of the last whole run on some machine.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = join(import.meta.dirname, "../README.md");
const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

const WORDS = `## How fast

A charge here is a balance inquiry, a payment and its signed notification, each over HTTP, with every row committed to a
PostgreSQL that syncs. All contenders ran one after another against the same stand-in gateway, **which shares the cores
with them**; the ledger was checked after each: one payment an invoice, or the run fails. Compare the ratios, not the
rates: \`npm run bench\` gives yours, [docs/performance.md](docs/performance.md) says what is measured and how.`;

/** Replaces what stands between the markers; throws when the README has none. */
export function writeReadme(report: string): void {
  const text = readFileSync(FILE, "utf8");
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`README.md lacks ${BEGIN} and ${END}`);
  writeFileSync(FILE, `${text.slice(0, from)}${BEGIN}\n${WORDS}\n\n${report}\n${text.slice(to)}`);
}
