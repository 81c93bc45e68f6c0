import type { ApiRoute } from "./api-route.ts";
import type { RawRoute } from "./http-server.ts";
import { openApiOf } from "./openapi.ts";
import { apiPage } from "./openapi-page.ts";

/** `/api/openapi.json` for programs and `/api/docs` for people. Neither needs a key: they tell nothing of anybody. */
export function descriptionRoutes(routes: readonly ApiRoute[]): RawRoute[] {
  const document = JSON.stringify(openApiOf(routes));
  const page = apiPage(routes);
  return [
    {
      method: "GET",
      path: "/api/openapi.json",
      run: async () => ({ status: 200, headers: { "content-type": "application/json" }, body: document }),
    },
    { method: "GET", path: "/api/docs", run: async () => page },
  ];
}
