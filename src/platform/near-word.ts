/** The word of `known` that somebody who wrote `word` most likely meant; null: none is near. */
export function nearWord(word: string, known: readonly string[]): string | null {
  const [near] = known
    .map((each) => ({ each, steps: editSteps(word, each) }))
    .sort((one, other) => one.steps - other.steps);
  return near !== undefined && near.steps <= Math.max(2, Math.floor(word.length / 3)) ? near.each : null;
}

/** How many letters must be added, taken away or replaced to make one of the other (Levenshtein). */
function editSteps(from: string, to: string): number {
  let row = [...Array(to.length + 1).keys()];
  for (const [index, letter] of [...from.slice(0, 60)].entries()) {
    const next = [index + 1];
    for (let at = 0; at < to.length; at += 1) {
      const replaced = (row[at] ?? 0) + (letter === to[at] ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
