/** A parsed JSON object whose fields nobody has looked at yet. */
export type JsonObject = { readonly [key: string]: unknown };

const WHITESPACE_OR_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"|[ \t\r\n]+/gs;

/** JSON text without the whitespace between its tokens; whitespace inside strings stays. */
export function minify(text: string): string {
  return text.replace(WHITESPACE_OR_STRING, (match) => (match.startsWith('"') ? match : ""));
}

/** The object that `text` spells, or null when it is not JSON or not an object. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object under `key`, or an empty one: nested readers need no checks of their own. */
export function objectIn(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  return isObject(value) ? value : {};
}

/**
 * The text under `key`, at most `limit` characters, or null when it is absent or empty. Numbers are
 * read as text. NUL is replaced, because PostgreSQL refuses it and evidence must never be refused.
 */
export function textIn(parent: JsonObject, key: string, limit: number): string | null {
  const value = parent[key];
  if (typeof value !== "string" && typeof value !== "number") return null;
  const text = storable(String(value)).slice(0, limit).trim();
  return text === "" ? null : text;
}

/** Text that PostgreSQL can store: no NUL, no half of a surrogate pair. */
export function storable(text: string): string {
  return Buffer.from(text.replaceAll("\0", "\uFFFD")).toString();
}

/** True when valid JSON names a key twice in one object, so that two parsers could read it differently. */
export function hasDuplicateKeys(json: string): boolean {
  const open: (Set<string> | null)[] = [];
  for (const match of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*(:?)|[{}[\]]/gs)) {
    const [token, string, colon] = match;
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (string !== undefined && colon === ":") {
      // Compared after unescaping: "a" and "\u0061" are one key to every parser.
      const key = String(JSON.parse(string));
      const keys = open.at(-1);
      if (keys?.has(key)) return true;
      keys?.add(key);
    }
  }
  return false;
}
