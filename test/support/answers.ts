import type { ApiRoute } from "../../src/platform/api-route.ts";

/** Throws when a good answer is not what its route says it answers; routes that say nothing pass. */
export function checkAnswer(routes: readonly ApiRoute[], method: string, url: string, json: unknown): void {
  const route = routeOf(routes, method, url);
  if (route?.answers === undefined) return;
  const { dry_run: _, ...answer } = json as Readonly<Record<string, unknown>>;
  const read = route.answers.safeParse(answer);
  if (read.success) return;
  const says = read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new Error(`${method} ${url} answered something else than it says: ${says}\n${JSON.stringify(json)}`);
}

/** The route that a path below `/api/v1` leads to; fixed words win over parameters, as in the server. */
function routeOf(routes: readonly ApiRoute[], method: string, url: string): ApiRoute | undefined {
  const path = url.split("?")[0] ?? "";
  const matches = routes.filter(
    (route) => route.method === method && new RegExp(`^${route.path.replace(/:\w+/g, "[^/]+")}$`).test(path),
  );
  return matches.sort((a, b) => a.path.split(":").length - b.path.split(":").length)[0];
}
