import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  type YAMLMap,
} from "yaml";
import type { z } from "zod";
import { nearWord } from "../platform/near-word.ts";
import type { DunningPolicy } from "./policy.ts";
import { fileOf, type PolicyFile, policyFile } from "./policy-file.ts";
import { contradictions, type PolicyProblem, warningsOf } from "./policy-problems.ts";

/** What is wrong with a policy; `line` null: it was not given as text, or what is missing has no line. */
export type PolicyMistake = {
  readonly line: number | null;
  readonly field: string;
  readonly message: string;
};

export type ReadPolicy =
  | { readonly kind: "file"; readonly file: PolicyFile; readonly warnings: readonly string[] }
  | { readonly kind: "wrong"; readonly mistakes: readonly PolicyMistake[] };

/** Far more than a policy needs: what is larger is something else. */
export const LONGEST_SOURCE = 20_000;
const MOST_MISTAKES = 30;

/** As `readPolicy`, from YAML or JSON text: every mistake says its line. */
export function readPolicySource(source: string, base: DunningPolicy, code: string): ReadPolicy {
  if (source.length > LONGEST_SOURCE)
    return wrong([{ line: null, field: "source", message: `may have at most ${LONGEST_SOURCE} letters` }]);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const unreadable = document.errors.map(({ message, pos: [at] }) => ({
    line: lines.linePos(at).line,
    field: "",
    message: message.split("\n", 1)[0] ?? "cannot be read",
  }));
  if (unreadable.length > 0) return wrong(unreadable);
  const given = plainOf(document);
  if (given === undefined)
    return wrong([
      { line: null, field: "source", message: "must say each value where it stands, without aliases" },
    ]);
  return readPolicy(given, base, code, (path) => lineOf(document, lines, path));
}

/**
 * The policy that `given` says for `code`: what it leaves out is as in `base`, so that a file needs to say only what
 * differs. Unknown keys, contradictions and texts that cannot be read are answered as mistakes, all at once.
 */
export function readPolicy(
  given: unknown,
  base: DunningPolicy,
  code: string,
  lineAt: (path: PolicyProblem["path"]) => number | null = () => null,
): ReadPolicy {
  const problems: PolicyProblem[] = [];
  const file = wholeFile(given, base, code, problems);
  if (file !== null) problems.push(...contradictions(file));
  if (file !== null && problems.length === 0) return { kind: "file", file, warnings: warningsOf(file) };
  return wrong(problems.map(({ path, message }) => ({ line: lineAt(path), field: fieldOf(path), message })));
}

/** A mistake as a line to read: `line 12: ladder.funds: must grow: 5 after 7`. */
export function sayMistake({ line, field, message }: PolicyMistake): string {
  return [line === null ? "" : `line ${line}: `, field === "" ? "" : `${field}: `, message].join("");
}

function wrong(mistakes: readonly PolicyMistake[]): ReadPolicy {
  return { kind: "wrong", mistakes: mistakes.slice(0, MOST_MISTAKES) };
}

function wholeFile(
  given: unknown,
  base: DunningPolicy,
  code: string,
  problems: PolicyProblem[],
): PolicyFile | null {
  if (!isFields(given)) {
    problems.push({ path: [], message: "must be fields with values, such as zone: Asia/Jakarta" });
    return null;
  }
  const { policy: named, ...fields } = given;
  if (named !== undefined && named !== code)
    problems.push({ path: ["policy"], message: `must be ${code}, as the policy is stored under that code` });
  const result = policyFile.safeParse(filledUp(fields, fileOf(base)));
  if (result.success) return result.data;
  for (const issue of result.error.issues.flatMap((one) => closest(one))) {
    const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
    if (issue.code === "unrecognized_keys")
      for (const key of issue.keys) problems.push({ path: [...path, key], message: unknownKey(path, key) });
    else problems.push({ path, message: issue.message });
  }
  return null;
}

type Issue = z.core.$ZodIssue;

/** Of a field that may be a word or fields: what is wrong with the fields, where fields were given. */
function closest(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const inner = issue.errors.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === "unrecognized_keys"),
  );
  if (inner === undefined || inner.length === 0) return [issue];
  return inner.flatMap((one) => closest({ ...one, path: [...issue.path, ...one.path] }));
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `given`, with the fields of `base` where it says nothing; a list or a value is taken or left as a whole. */
function filledUp(given: Fields, base: Fields): Fields {
  const filled = Object.entries(given).map(([key, value]) => {
    const own = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isFields(value) && isFields(own) ? filledUp(value, own) : value] as const;
  });
  return Object.fromEntries([...Object.entries(base), ...filled]);
}

/** Keys of published examples that Tagih has no use for, and what there is instead. */
const NOT_OURS: Readonly<Record<string, string>> = {
  notices: "Tagih sends no messages to customers; send them on its events, and take this out",
  "end.then": "is called action here",
  "money_days.holidays": "holidays are one list for all policies: tagih policy set-holidays",
};

function unknownKey(path: PolicyProblem["path"], key: string): string {
  const name = [...path, key].join(".");
  const instead = Object.hasOwn(NOT_OURS, name) ? NOT_OURS[name] : undefined;
  if (instead !== undefined) return instead;
  const known = knownKeys(path);
  const near = nearWord(key, known);
  return near === null
    ? `is not a known field; known are ${known.join(", ")}`
    : `is not a known field; is it ${near}?`;
}

function knownKeys([section]: PolicyProblem["path"]): string[] {
  if (section === undefined) return Object.keys(policyFile.shape);
  if (section === "window") return ["days", "from", "to"];
  if (section === "spread") return ["from", "to"];
  const inner: unknown = Object.hasOwn(policyFile.shape, section)
    ? policyFile.shape[section as keyof typeof policyFile.shape]
    : undefined;
  const shape = isFields(inner) ? inner["shape"] : undefined;
  return isFields(shape) ? Object.keys(shape) : [];
}

/** Entries of a list are named by the list: whoever reads counts them faster than indexes. */
function fieldOf(path: PolicyProblem["path"]): string {
  return path.filter((part) => typeof part === "string").join(".");
}

function plainOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown;
  } catch (error) {
    if (error instanceof ReferenceError) return undefined;
    throw error;
  }
}

/** The line on which the deepest part of `path` stands that the text has. */
function lineOf(document: Document, lines: LineCounter, path: PolicyProblem["path"]): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const at = placeOf(document, path.slice(0, length));
    if (at !== null) return lines.linePos(at).line;
  }
  return null;
}

function placeOf(document: Document, path: PolicyProblem["path"]): number | null {
  const last = path.at(-1);
  const above = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(above)) return keyPlace(above, last);
  const node = document.getIn(path, true);
  return isNode(node) && node.range ? node.range[0] : null;
}

function keyPlace(map: YAMLMap, key: string | number | undefined): number | null {
  const pair = map.items.find(
    (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
  );
  return isScalar(pair?.key) && pair.key.range ? pair.key.range[0] : null;
}
