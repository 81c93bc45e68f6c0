import { DoorError } from "./problem.ts";

/** Parses a JSON body; throws `DoorError` "malformed" that says where the text stops being JSON. */
export function parseJson(raw: Buffer): unknown {
  const text = decode(raw);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = brokenAt(text);
    const before = text.slice(0, position).split("\n");
    const column = (before.at(-1) ?? "").length + 1;
    throw new DoorError(
      "malformed",
      `the body is not JSON from position ${position} on (line ${before.length}, column ${column})`,
      { cause },
    );
  }
}

function decode(raw: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch (cause) {
    throw new DoorError("malformed", "the body is not UTF-8 text", { cause });
  }
}

/**
 * The first character that no ending could mend, or the length of a text that ends too early. V8 tells
 * the position only for some mistakes, so it is searched: every prefix beyond the mistake stays broken.
 */
function brokenAt(text: string): number {
  let mendable = 0;
  let broken = text.length + 1;
  while (broken - mendable > 1) {
    const middle = (mendable + broken) >> 1;
    if (isBroken(text.slice(0, middle))) broken = middle;
    else mendable = middle;
  }
  return mendable;
}

function isBroken(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return false;
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined
      ? message !== "Unexpected end of JSON input"
      : Number(position) < prefix.length;
  }
}
