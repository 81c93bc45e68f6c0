import { InvalidError } from "../kernel/errors.ts";
import type { ApiRoute, RouteRequest } from "../platform/api-route.ts";
import { type Download, isDownload } from "../platform/download.ts";
import { answerOnce } from "../platform/idempotency.ts";
import type { FieldProblem } from "../platform/problem.ts";
import { readFields, saysOf } from "../platform/read-fields.ts";
import { errorInFlags, fieldNamesOf, inFlags, optionName, type Typed } from "./api-commands.ts";
import { renderAnswer } from "./api-output.ts";
import { type House, openHouse } from "./house.ts";
import { standOn } from "./process.ts";
import { apiRoutes } from "./server.ts";

/** Everything that a command line does is done by this actor. */
const ACTOR = { name: "cli", role: "admin" } as const;

/**
 * The routes as they describe themselves, for a command line that has opened nothing yet. None of them can be run:
 * each would use a house that is not there.
 */
export function describedRoutes(): ApiRoute[] {
  const nothing: unknown = new Proxy(() => {}, {
    get: (_own, name) => (name === Symbol.toPrimitive ? () => "" : nothing),
    apply: () => nothing,
  });
  return apiRoutes(nothing as House);
}

/** Runs a route in this process, on the configured database, and answers what to print. */
export async function runApiCommand(described: ApiRoute, typed: Typed): Promise<string> {
  const request = readTyped(described, typed);
  const footing = await standOn("cli", { gateway: described.callsGateway === true });
  try {
    const house = await openHouse(footing.config, { ...footing, role: "cli" });
    try {
      const answer = await answerOf(house, described, request, typed);
      return isDownload(answer) ? answer.content : printed(answer, described, typed);
    } catch (error) {
      throw errorInFlags(error, fieldNamesOf(described), namesOf(described, typed));
    } finally {
      await house.close();
    }
  } finally {
    await footing.leave();
  }
}

function readTyped(route: ApiRoute, typed: Typed): RouteRequest<unknown, unknown> {
  const wrong: FieldProblem[] = [];
  const body = route.body === undefined ? undefined : readFields(route.body, typed.body, "body", wrong);
  const query = route.query === undefined ? undefined : readFields(route.query, typed.query, "query", wrong);
  if (wrong.length > 0) {
    const says = saysOf(wrong, namesOf(route, typed));
    throw new InvalidError(inFlags(says, fieldNamesOf(route)));
  }
  return { params: typed.params, body, query, actor: ACTOR, dryRun: typed.dryRun };
}

async function answerOf(
  house: House,
  { method, path }: ApiRoute,
  request: RouteRequest<unknown, unknown>,
  { idempotencyKey: key, dryRun, ...typed }: Typed,
): Promise<unknown> {
  const route = apiRoutes(house).find((one) => one.method === method && one.path === path);
  const run = async () => route?.run(request as RouteRequest<never, never>);
  if (key === null || dryRun) return run();
  const call = {
    actor: ACTOR.name,
    key,
    request: `${method} ${path} ${JSON.stringify(typed.params)}`,
    body: JSON.stringify(typed.body),
  };
  const { body } = await answerOnce(house.db, call, async () => ({
    status: 200,
    body: JSON.stringify((await run()) ?? null),
  }));
  return JSON.parse(body);
}

function printed(
  answer: Exclude<unknown, Download>,
  { inText = renderAnswer }: ApiRoute,
  { json, dryRun }: Typed,
): string {
  // As the API would send it: moments as text, what is undefined left out.
  const sent: unknown = JSON.parse(JSON.stringify(answer ?? null));
  if (json) return JSON.stringify(dryRun ? { dry_run: true, ...(sent as object) } : sent, null, 2);
  const shown = inText(sent);
  return dryRun ? `dry run: this is what would be done; nothing was\n${shown}` : shown;
}

/** How the command line calls a field of the route. */
function namesOf(route: ApiRoute, { params }: Typed): (field: string) => string {
  return (field) => {
    if (field in params) return `<${field}>`;
    if (field === "body" || field === "query") return route.command ?? field;
    const [name = "", ...inner] = field.split(".");
    return [optionName(name), ...inner].join(".");
  };
}
