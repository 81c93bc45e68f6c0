import { createHash } from "node:crypto";
import type { ApiRoute } from "./api-route.ts";
import { type Fragment, html, joined } from "./html.ts";
import type { RawAnswer } from "./http-server.ts";
import { fieldsOf, type InputField, type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import { notesOf, pathOf, pathParameters, tagOf } from "./openapi.ts";
import { PROBLEM_KINDS } from "./problem.ts";

const STYLE = `:root{color-scheme:light dark;--ink:#1c1c28;--soft:#666874;--line:#dcdce4;--paper:#fff;--tint:#f5f5f8;--mark:#4c2a86}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8ee;--soft:#9b9daa;--line:#34353f;--paper:#17181d;--tint:#1f2027;--mark:#b79bf0}}
*{box-sizing:border-box}body{margin:0;font:15px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:54rem;margin:0 auto;padding:2.5rem 1.25rem 6rem}h1{font-size:1.7rem;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:2.75rem 0 .75rem;padding-bottom:.3rem;border-bottom:2px solid var(--mark)}
p{margin:.4rem 0}a{color:var(--mark)}nav{display:flex;flex-wrap:wrap;gap:.3rem .9rem;margin:1.2rem 0}
code{font:13px/1.5 ui-monospace,monospace}.soft{color:var(--soft)}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;background:var(--paper)}
summary{cursor:pointer;padding:.55rem .8rem;display:flex;flex-wrap:wrap;gap:.2rem .8rem;align-items:baseline;list-style:none}
summary::-webkit-details-marker{display:none}summary:hover,details[open]>summary{background:var(--tint)}
summary:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
b.method{font:700 12px ui-monospace,monospace;min-width:3.6rem;color:var(--mark)}
.inside{padding:.3rem .9rem 1rem;border-top:1px solid var(--line)}
h3{font-size:.85rem;margin:1rem 0 .3rem;text-transform:uppercase;letter-spacing:.05em;color:var(--soft)}
table{border-collapse:collapse;width:100%}td{padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line);vertical-align:top}
td:first-child{white-space:nowrap;width:1%}.wide{overflow-x:auto}
dt{font-weight:600;margin-top:.6rem}dd{margin:0 0 .2rem}:target{scroll-margin-top:1rem;background:var(--tint)}`;

/** Nothing of the page comes from elsewhere and nothing of it runs; its one style is known by its hash. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The API as a page for people, from the same schemas as the OpenAPI document. */
export function apiPage(routes: readonly ApiRoute[]): RawAnswer {
  const body = pageOf(routes).markup;
  return {
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY },
    body,
  };
}

function pageOf(routes: readonly ApiRoute[]): Fragment {
  const tags = [...new Set(routes.map(tagOf))];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tagih API</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>${{ markup: STYLE }}</style></head><body><main>
<h1>Tagih API</h1><p class="soft">Recurring billing for customers who pay by OVO wallet.
For programs: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<nav>${joined(tags.map((tag) => html`<a href="#${tag}">${tag}</a>`))}<a href="#refusals">refusals</a></nav>
<p>Every call carries <code>Authorization: Bearer &lt;api key&gt;</code>. Money is whole rupiah as an integer, dates are
<code>YYYY-MM-DD</code>. Lists answer <code>{data, next_cursor}</code>; pass <code>next_cursor</code> as
<code>cursor</code> to go on. A POST repeated under the same <code>Idempotency-Key</code> has its effect once, for 7 days.
With <code>dry_run=true</code>, where it is offered, the answer shows what would be done, and nothing is.</p>
${joined(tags.map((tag) => section(tag, routes)))}
<h2 id="refusals">Refusals</h2><p>All are <code>application/problem+json</code>; programs read <code>code</code>,
people <code>detail</code>, and <code>errors</code> names every wrong field.</p><dl>${joined(
    Object.entries(PROBLEM_KINDS).map(
      ([code, { status, title }]) =>
        html`<dt id="${code}"><code>${status} ${code}</code></dt><dd>${title}</dd>`,
    ),
  )}</dl></main></body></html>`;
}

function section(tag: string, routes: readonly ApiRoute[]): Fragment {
  const own = routes.filter((route) => tagOf(route) === tag);
  return html`<h2 id="${tag}">${tag}</h2>${joined(own.map(entry))}`;
}

function entry(route: ApiRoute): Fragment {
  return html`<details><summary><b class="method">${route.method}</b><code>${pathOf(route)}</code>
<span class="soft">${route.summary}</span></summary><div class="inside">
${joined(notesOf(route).map((note) => html`<p>${inCode(note)}</p>`))}
${table("Path", pathParameters(route).map(pathField))}
${table("Query", inputs(route.query))}${table("Body", inputs(route.body))}${table("Answer", answerOf(route))}</div></details>`;
}

/** `words` between backticks, as code. */
function inCode(note: string): Fragment {
  return joined(
    note.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`)),
  );
}

function pathField(name: string): InputField {
  return { name, required: true, schema: { type: "string" } };
}

function inputs(schema: ApiRoute["body"]): InputField[] {
  return schema === undefined ? [] : fieldsOf(jsonSchemaOf(schema, "input"));
}

/** Of a list, the fields of its rows. */
function answerOf({ answers }: ApiRoute): InputField[] {
  if (answers === undefined) return [];
  const fields = fieldsOf(jsonSchemaOf(answers, "output"));
  const rows = fields.find(({ name }) => name === "data")?.schema.items;
  return (rows === undefined ? fields : fieldsOf(rows)).map((field) => ({ ...field, required: false }));
}

function table(title: string, fields: readonly InputField[]): Fragment {
  if (fields.length === 0) return html``;
  const rows = fields.map(
    ({ name, schema, required }) =>
      html`<tr><td><code>${name}</code></td><td>${kindOf(schema)}${required ? ", required" : ""}</td></tr>`,
  );
  return html`<h3>${title}</h3><div class="wide"><table>${joined(rows)}</table></div>`;
}

/** A field in a few words: what it is, its bounds, its default. */
export function kindOf(schema: JsonSchema): string {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [choices.map(kindOf).join(" or "), ...aside(schema)].join(", ");
  if (schema.enum !== undefined) return [schema.enum.map(String).join(" | "), ...aside(schema)].join(", ");
  if (schema.items !== undefined) return [`list of ${kindOf(schema.items)}`, ...aside(schema)].join(", ");
  const type = [schema.type ?? "any"]
    .flat()
    .map((one) => (one === "string" ? (schema.format ?? "text") : one));
  return [type.join(" or "), ...bounds(schema), ...aside(schema)].join(", ");
}

function bounds({ minimum, maximum }: JsonSchema): string[] {
  // What only says that a number is a safe integer tells nobody anything.
  const said = (value: unknown) =>
    typeof value === "number" && Math.abs(value) < 2 ** 53 - 1 ? value : null;
  const [from, to] = [said(minimum), said(maximum)];
  if (from !== null && to !== null) return [`${from} to ${to}`];
  return from === null ? (to === null ? [] : [`at most ${to}`]) : [`at least ${from}`];
}

function aside({ description, default: preset }: JsonSchema): string[] {
  const words =
    typeof preset === "object" ? [] : preset === undefined ? [] : [`${String(preset)} unless given`];
  return [...(description === undefined ? [] : [description]), ...words];
}
