import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { AppError, InvalidError } from "../kernel/errors.ts";
import { FILE_FORMAT } from "../platform/api-fields.ts";
import type { ApiRoute } from "../platform/api-route.ts";
import { fieldsOf, type InputField, type JsonSchema, jsonSchemaOf } from "../platform/json-schema.ts";
import { pathParameters } from "../platform/openapi.ts";
import { kindOf } from "../platform/openapi-page.ts";

/** What somebody typed after a command's words, by the names of the route's fields. */
export type Typed = {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly idempotencyKey: string | null;
};

/** What the first word of a command is about. */
const GROUPS: Readonly<Record<string, string>> = {
  plan: "what is on offer, and at which price",
  policy: "how unpaid invoices are pursued: dunning policies and holidays",
  customer: "who pays",
  binding: "wallets linked to customers",
  subscription: "who has agreed to which plan",
  invoice: "what is owed, and every try to collect it",
  refund: "money that goes back",
  exception: "what a person must see",
  stop: "the stop switch: while it is set nothing is sent",
};

/** Hangs a command for every route that has words for one; `run` is called with what was typed. */
export function addApiCommands(
  tagih: Command,
  routes: readonly ApiRoute[],
  run: (route: ApiRoute, typed: Typed) => Promise<void>,
): void {
  for (const route of routes) {
    if (route.command === undefined) continue;
    const words = route.command.split(" ");
    const parent = words.slice(0, -1).reduce(groupIn, tagih);
    describeCommand(parent.command(words.at(-1) ?? ""), route, run);
  }
}

function groupIn(parent: Command, word: string): Command {
  const existing = parent.commands.find((command) => command.name() === word);
  if (existing !== undefined) return existing;
  const about = GROUPS[word];
  return parent.command(word).description(about ?? word);
}

function describeCommand(
  command: Command,
  route: ApiRoute,
  run: (route: ApiRoute, typed: Typed) => Promise<void>,
): void {
  command.description(route.summary);
  const places = pathParameters(route);
  for (const name of places) command.argument(`<${name}>`);
  const body = inputs(route.body).map((field) => withOption(command, field));
  const query = inputs(route.query).map((field) => withOption(command, field));
  if (route.dryRun === true) command.option("--dry-run", "show what would be done, and do nothing");
  if (route.idempotency !== "none")
    command.option("--idempotency-key <text>", "repeated with the same key, it has its effect once");
  command.option("--json", "as JSON");
  command.action(async (...given: unknown[]) => {
    const options = command.opts<Readonly<Record<string, unknown>>>();
    const params = Object.fromEntries(places.map((name, index) => [name, String(given[index])]));
    await run(route, {
      params,
      body: valuesOf(body, options),
      query: valuesOf(query, options),
      dryRun: options["dryRun"] === true,
      json: options["json"] === true,
      idempotencyKey: typeof options["idempotencyKey"] === "string" ? options["idempotencyKey"] : null,
    });
  });
}

type FieldOption = { readonly field: InputField; readonly attribute: string };

function inputs(schema: ApiRoute["body"]): InputField[] {
  return schema === undefined ? [] : fieldsOf(jsonSchemaOf(schema, "input"));
}

function withOption(command: Command, field: InputField): FieldOption {
  const { name, schema, required } = field;
  const flag = optionName(name);
  const value = typesOf(schema).includes("boolean") ? "[true|false]" : `<${placeholder(schema)}>`;
  const kind = kindOf(schema).replace(/ or null\b/, ', "" for none');
  const option = new Option(`${flag} ${value}`, kind + (required ? ", required" : ""));
  if (schema.format === FILE_FORMAT) option.description += ", or @ and the name of a file";
  if (typesOf(schema).includes("array"))
    option.argParser((text: string, before: readonly string[] = []) => [...before, text]);
  command.addOption(option);
  return { field, attribute: option.attributeName() };
}

/** `start_on` is `--start-on`. */
export function optionName(field: string): string {
  return `--${field.replace(/_/g, "-")}`;
}

/** A message that speaks of the API's fields, in words of the command line: `billing_day` is `--billing-day`. */
export function inFlags(message: string, fields: readonly string[]): string {
  // Names of one word (`on`, `plan`) are ordinary words as well, and stay.
  return message.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (word) =>
    fields.includes(word) ? optionName(word) : word,
  );
}

/** An error about one of `fields`, with its message in words of the command line; `nameOf` is how it calls a field. */
export function errorInFlags(error: unknown, fields: readonly string[], nameOf = optionName): unknown {
  if (!(error instanceof AppError)) return error;
  const { field } = error.details;
  const named = typeof field === "string" && error.message.startsWith(`${field}: `) ? field : null;
  const rest = named === null ? error.message : error.message.slice(named.length);
  error.message = (named === null ? "" : nameOf(named)) + inFlags(rest, fields);
  return error;
}

/** The names of all fields that a route takes. */
export function fieldNamesOf({ body, query }: Pick<ApiRoute, "body" | "query">): string[] {
  return [...inputs(body), ...inputs(query)].map(({ name }) => name);
}

function placeholder(schema: JsonSchema): string {
  const types = typesOf(schema);
  if (types.includes("integer") || types.includes("number")) return "n";
  if (types.includes("array") || types.includes("object")) return types.includes("array") ? "each" : "json";
  return schema.format === "date" ? "date" : "text";
}

function valuesOf(fields: readonly FieldOption[], options: Readonly<Record<string, unknown>>) {
  const given = fields.filter(({ attribute }) => options[attribute] !== undefined);
  return Object.fromEntries(
    given.map(({ field, attribute }) => [field.name, readTyped(field.schema, options[attribute])]),
  );
}

/** A typed text as the JSON value that the field takes; what does not look like one stays text and is refused as such. */
function readTyped(schema: JsonSchema, typed: unknown): unknown {
  const types = typesOf(schema);
  if (Array.isArray(typed)) return typed.map((one) => readTyped(itemsOf(schema), one));
  if (typeof typed !== "string") return typed;
  if (typed === "" && types.includes("null")) return null;
  if (schema.format === FILE_FORMAT && typed.startsWith("@")) return fileText(typed.slice(1));
  // 99.000 is how ninety-nine thousand is written in Indonesia: read as a fraction it would be 99.
  if (types.includes("integer") && /^-?\d{1,15}$/.test(typed)) return Number(typed);
  if (types.includes("number") && /^-?\d{1,15}(\.\d{1,6})?$/.test(typed)) return Number(typed);
  if (types.includes("boolean") && /^(true|false)$/.test(typed)) return typed === "true";
  return types.includes("object") ? jsonOr(typed) : typed;
}

function fileText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new InvalidError(`${path} cannot be read: is it there, and may you read it?`, {}, { cause });
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What a list holds, also one that may be null instead. */
function itemsOf(schema: JsonSchema): JsonSchema {
  const choices = [schema, ...(schema.anyOf ?? schema.oneOf ?? [])];
  return choices.find(({ items }) => items !== undefined)?.items ?? {};
}

function typesOf(schema: JsonSchema): string[] {
  const choices = schema.anyOf ?? schema.oneOf ?? [];
  return [...[schema.type ?? []].flat(), ...choices.flatMap(typesOf)];
}
