/** A piece of a page in which everything from outside has been escaped. */
export type Fragment = { readonly markup: string };

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Template tag: escapes whatever is put in, except other fragments. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (string | number | Fragment)[]
): Fragment {
  return { markup: parts.reduce((sum, part, index) => sum + written(values[index - 1]) + part) };
}

/** Several fragments, one after the other. */
export function joined(fragments: readonly Fragment[]): Fragment {
  return { markup: fragments.map((fragment) => fragment.markup).join("") };
}

function written(value: string | number | Fragment | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "object") return value.markup;
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
