import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { z } from "zod";
import { apiRoutes } from "../../src/app/server.ts";
import { type ApiRoute, apiRoute } from "../../src/platform/api-route.ts";
import { openApiOf, pathOf } from "../../src/platform/openapi.ts";
import { PROBLEM_KINDS } from "../../src/platform/problem.ts";
import { buildHouse } from "../support/house.ts";

type Operation = {
  readonly operationId: string;
  readonly description: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
};
type Document = { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

test("the API describes itself as valid OpenAPI 3.1, with every route and nothing else", async () => {
  const { doors, house } = await buildHouse();
  const answer = await fetch(`${doors.url}/api/openapi.json`);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  const document = (await answer.json()) as Document;
  const validator = new Validator();
  expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");

  const routes = apiRoutes(house);
  const told = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(told.sort()).toEqual(routes.map((route) => `${route.method} ${pathOf(route)}`).sort());
  const operations = routes.map((route) => operationOf(document, route));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
  for (const route of routes) expectTold(route, operationOf(document, route));
});

test("a description of anything that is no OpenAPI does not pass as one", async () => {
  const { doors } = await buildHouse();
  const document = (await (await fetch(`${doors.url}/api/openapi.json`)).json()) as Document;
  const broken = { ...document, paths: { plans: { get: { responses: "none" } } } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test("a field's type, bounds and default are told as the server reads them", () => {
  const route = apiRoute({
    method: "POST",
    path: "/things/:id/turns",
    summary: "Turn it",
    roles: ["billing"],
    idempotency: "required",
    command: "thing turn",
    dryRun: true,
    status: 201,
    body: z.strictObject({ size: z.int().min(2).max(9).default(3), on: z.string().nullish() }),
    query: z.strictObject({ limit: z.coerce.number().int().max(5) }),
    answers: z.strictObject({ turned: z.boolean() }),
    run: async () => ({ turned: true }),
  });
  expect(openApiOf([route])).toMatchObject({
    paths: {
      "/api/v1/things/{id}/turns": {
        post: {
          operationId: "post_things_by_id_turns",
          description: expect.stringMatching(
            /^Roles: billing, admin\.\n\nOn the command line: `tagih thing turn <id>`\./,
          ),
          parameters: [
            { name: "id", in: "path", required: true },
            { name: "limit", in: "query", required: true, schema: { type: "integer", maximum: 5 } },
            { name: "dry_run", in: "query" },
            { name: "Idempotency-Key", in: "header", required: true },
          ],
          requestBody: {
            required: false,
            content: {
              "application/json": {
                schema: {
                  additionalProperties: false,
                  properties: { size: { type: "integer", minimum: 2, maximum: 9, default: 3 } },
                },
              },
            },
          },
          responses: {
            201: { content: { "application/json": { schema: { required: ["turned"] } } } },
            200: { description: "What would be done (dry run)" },
            409: { content: { "application/problem+json": {} } },
          },
        },
      },
    },
  });
});

test("the page for people needs nothing from elsewhere, runs nothing, and explains every refusal", async () => {
  const { doors, house } = await buildHouse();
  const answer = await fetch(`${doors.url}/api/docs`);
  const page = await answer.text();
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page).not.toMatch(/<script|<link|\ssrc=|style="|https?:\/\//);
  for (const code of Object.keys(PROBLEM_KINDS)) expect(page).toContain(`id="${code}"`);
  for (const route of apiRoutes(house)) expect(page).toContain(`<code>${pathOf(route)}</code>`);
  expect(Buffer.byteLength(page)).toBeLessThan(200_000);
});

function operationOf(document: Document, route: ApiRoute): Operation {
  const operation = document.paths[pathOf(route)]?.[route.method.toLowerCase()];
  if (operation === undefined) throw new Error(`${route.method} ${route.path} is not described`);
  return operation;
}

function expectTold(route: ApiRoute, operation: Operation): void {
  const where = `${route.method} ${route.path}`;
  for (const role of [...route.roles, "admin"]) expect(operation.description, where).toContain(role);
  expect(operation.responses, where).toHaveProperty(String(route.status ?? 200));
  expect(operation.responses, where).toHaveProperty("401");
  expect(operation.requestBody !== undefined, where).toBe(route.body !== undefined);
  const names = operation.parameters.map(({ name }) => name);
  for (const [, name] of route.path.matchAll(/:(\w+)/g)) expect(names, where).toContain(name);
  expect(names.includes("dry_run"), where).toBe(route.dryRun === true);
  const key = operation.parameters.find(({ name }) => name === "Idempotency-Key");
  expect(key?.required, where).toBe({ none: undefined, optional: false, required: true }[route.idempotency]);
}
