/** A stream of numbers from 0 up to 1. */
export type Chance = () => number;

/**
 * The stream that belongs to these words. What is drawn for one thing never depends on when something else was drawn:
 * so the same seed tells the same story, in whatever order the workers come to it.
 */
export function chanceOf(...words: readonly (string | number)[]): Chance {
  let hash = 1_779_033_703 ^ words.length;
  for (const letter of words.join("|")) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 3_432_918_353);
    hash = (hash << 13) | (hash >>> 19);
  }
  return stream(mixed(hash));
}

/** sfc32: fast, seeded, and good enough to choose what goes wrong. */
function stream(seed: number): Chance {
  let [a, b, c, counter] = [seed, mixed(seed + 1), mixed(seed + 2), 1];
  return () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
}

function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 2_246_822_507);
  hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A whole number from `from` to `to`, both included. */
export function wholeOf(chance: Chance, from: number, to: number): number {
  return from + Math.floor(chance() * (to - from + 1));
}

/** One of these, all alike. */
export function oneOf<T>(chance: Chance, choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(chance() * choices.length)] ?? choices[0];
}

/** One of these by weight, or null for the weight that is left to 1. */
export function drawnOf<T extends string>(chance: Chance, weights: Partial<Record<T, number>>): T | null {
  let left = chance();
  for (const [choice, weight] of Object.entries<number | undefined>(weights)) {
    left -= weight ?? 0;
    if (left < 0) return choice as T;
  }
  return null;
}
