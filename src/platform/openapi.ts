import type { ApiRoute } from "./api-route.ts";
import { API_PREFIX } from "./http-api.ts";
import { fieldsOf, type JsonSchema, jsonSchemaOf } from "./json-schema.ts";
import { PROBLEM_KINDS, type ProblemCode } from "./problem.ts";

type Json = Readonly<Record<string, unknown>>;

/** The API's description (OpenAPI 3.1), made from the very schemas that read its requests. */
export function openApiOf(routes: readonly ApiRoute[]): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = pathOf(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tagih",
      version: "1",
      summary: "Recurring billing for customers who pay by OVO wallet",
      description: INTRODUCTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    security: [{ apiKey: [] }],
    tags: [...new Set(routes.map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "a key of TAGIH_API_KEYS" } },
      schemas: { Problem: PROBLEM },
      responses: { Problem: problemAnswer("Refused, or not possible now") },
    },
  };
}

const INTRODUCTION = `Money is whole rupiah, as an integer. Dates are \`YYYY-MM-DD\` in the subscription's zone, moments ISO 8601.
Lists answer \`{data, next_cursor}\`: pass \`next_cursor\` as \`cursor\` to go on; null means that was all.
Repeat a POST under the same \`Idempotency-Key\` and it has its effect once: the first answer comes again, for 7 days.
With \`dry_run=true\`, where it is offered, the answer shows what would be done, and nothing is.
Every refusal is \`application/problem+json\`.`;

const PROBLEM: JsonSchema = {
  type: "object",
  description: "A refusal (RFC 9457); `code` is stable and for programs, `detail` is for people.",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", enum: Object.keys(PROBLEM_KINDS) },
    instance: { type: "string", description: "under which our log has the rest" },
    errors: {
      type: "array",
      description: "every wrong field by its name",
      items: {
        type: "object",
        required: ["field", "message"],
        properties: { field: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};

/** The path as OpenAPI writes it: `/api/v1/plans/{code}`. */
export function pathOf({ path }: ApiRoute): string {
  return API_PREFIX + path.replace(/:(\w+)/g, "{$1}");
}

/** The parameters of a path, in order. */
export function pathParameters({ path }: ApiRoute): string[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
}

/** The heading that a route is found under. */
export function tagOf({ path }: ApiRoute): string {
  return path.split("/")[1] ?? "";
}

function operationOf(route: ApiRoute): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    description: notesOf(route).join("\n\n"),
    tags: [tagOf(route)],
    parameters: parametersOf(route),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route.body, route.takes) }),
    responses: responsesOf(route),
  };
}

function requestBodyOf(body: NonNullable<ApiRoute["body"]>, takes: ApiRoute["takes"]): Json {
  if (takes !== undefined)
    return { required: true, content: { [takes.contentType]: { schema: { type: "string" } } } };
  const schema = jsonSchemaOf(body, "input");
  return {
    required: fieldsOf(schema).some(({ required }) => required),
    content: { "application/json": { schema } },
  };
}

/** `POST /customers/:reference/bindings` is `post_customers_by_reference_bindings`: it stays when commands are renamed. */
function operationId({ method, path }: ApiRoute): string {
  const words = path.slice(1).split("/");
  const named = words.map((word) => (word.startsWith(":") ? `by_${word.slice(1)}` : word.replace(/-/g, "_")));
  return [method.toLowerCase(), ...named].join("_");
}

/** What a reader must know besides the fields, one sentence each. */
export function notesOf(route: ApiRoute): string[] {
  const notes = [`Roles: ${[...route.roles, "admin"].join(", ")}.`];
  if (route.command !== undefined) {
    const places = pathParameters(route).map((name) => ` <${name}>`);
    notes.push(`On the command line: \`tagih ${route.command}${places.join("")}\`.`);
  }
  if (route.takes !== undefined) {
    const megabytes = Math.floor(route.takes.mostBytes / 2 ** 20);
    notes.push(`The body is \`${route.takes.contentType}\`, at most ${megabytes} MiB.`);
  }
  if (route.idempotency === "required") notes.push("An `Idempotency-Key` is required.");
  if (route.dryRun === true) notes.push("`dry_run=true` shows what would be done.");
  if (route.callsGateway === true) notes.push("Asks the gateway.");
  return notes;
}

function parametersOf(route: ApiRoute): Json[] {
  const inPath = pathParameters(route).map((name) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const query = route.query === undefined ? [] : fieldsOf(jsonSchemaOf(route.query, "input"));
  const inQuery = query.map(({ name, schema: { description, ...schema }, required }) => ({
    name,
    in: "query",
    required,
    ...(description === undefined ? {} : { description }),
    schema,
  }));
  return [
    ...inPath,
    ...inQuery,
    ...(route.dryRun === true
      ? [{ name: "dry_run", in: "query", schema: { type: "boolean", default: false } }]
      : []),
    ...(route.idempotency === "none"
      ? []
      : [
          {
            name: "Idempotency-Key",
            in: "header",
            required: route.idempotency === "required",
            schema: { type: "string", minLength: 1, maxLength: 255 },
          },
        ]),
  ];
}

function responsesOf(route: ApiRoute): Json {
  const schema = route.answers === undefined ? {} : jsonSchemaOf(route.answers, "output");
  const success = { "application/json": { schema } };
  const status = String(route.status ?? 200);
  const rehearsed =
    route.dryRun === true && status !== "200"
      ? { 200: { description: "What would be done (dry run)", content: success } }
      : {};
  return {
    ...rehearsed,
    [status]: { description: "Done", content: success },
    ...Object.fromEntries(
      refusalsOf(route).map((code) => [
        String(PROBLEM_KINDS[code].status),
        problemAnswer(PROBLEM_KINDS[code].title),
      ]),
    ),
    default: { $ref: "#/components/responses/Problem" },
  };
}

/** The refusals that a caller of this route should be ready for. */
function refusalsOf(route: ApiRoute): ProblemCode[] {
  const takesInput = route.body !== undefined || route.query !== undefined;
  return [
    ...(takesInput ? (["malformed"] as const) : []),
    "unauthorised",
    "forbidden",
    ...(pathParameters(route).length > 0 ? (["not_found"] as const) : []),
    ...(route.method === "GET" ? [] : (["conflict"] as const)),
    ...(takesInput || route.idempotency === "required" ? (["invalid"] as const) : []),
    "away",
  ];
}

function problemAnswer(description: string): Json {
  return {
    description,
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}
