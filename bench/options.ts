import { parseArgs } from "node:util";

/** What the command line asks for. */
export type Options = {
  readonly quick: boolean;
  /** Names of contenders; null: all. */
  readonly only: readonly string[] | null;
  readonly latenciesMs: readonly number[];
  /** Null: as many as fit a run of 5 to 15 seconds. */
  readonly charges: number | null;
  readonly profile: boolean;
  /** `auto`: a whole run on a quiet machine writes the README's table. */
  readonly readme: "auto" | "always" | "never";
};

const LATENCIES_MS = [0, 100];

/** Reads the command line; throws on what it does not know. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      latency: { type: "string" },
      charges: { type: "string" },
      profile: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
      "no-readme": { type: "boolean", default: false },
    },
  });
  return {
    quick: values.quick,
    only: values.only?.split(",") ?? null,
    latenciesMs: values.latency?.split(",").map((text) => whole("--latency", text)) ?? LATENCIES_MS,
    charges: values.charges === undefined ? null : whole("--charges", values.charges),
    profile: values.profile,
    readme: values["no-readme"] ? "never" : values.readme ? "always" : "auto",
  };
}

function whole(name: string, text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new Error(`${name}: "${text}" is not a whole number`);
  return Number(text);
}
