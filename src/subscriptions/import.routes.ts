import { z } from "zod";
import { type ApiRoute, apiRoute } from "../platform/api-route.ts";
import { importSubscriptions } from "./import.flow.ts";
import type { ImportTools } from "./import-batch.flow.ts";
import type { ImportOutcome } from "./import-outcome.ts";

/** Some 150,000 lines: half a minute's work, which is as long as a caller waits. More goes by `tagih import`. */
const MOST_BYTES = 16 * 1024 * 1024;
/** More of them are in nobody's interest: the file is wrong. */
const MOST_ERRORS = 100;

const answer = z.strictObject({
  imported: z.int(),
  importable: z.int().describe("lines that a dry run would have imported"),
  unchanged: z.int(),
  refused: z.int(),
  errors: z
    .array(z.strictObject({ line: z.int(), reference: z.string(), column: z.string(), message: z.string() }))
    .describe(`the first ${MOST_ERRORS} refusals`),
});

/** Running subscriptions from a CSV file. */
export function importRoutes(tools: ImportTools): ApiRoute[] {
  return [
    apiRoute({
      method: "POST",
      path: "/imports",
      dryRun: true,
      summary: "Import running subscriptions from a CSV file; bad lines are refused and the others go in",
      roles: ["billing"],
      idempotency: "optional",
      takes: { contentType: "text/csv", mostBytes: MOST_BYTES },
      body: z.instanceof(Buffer),
      answers: answer,
      run: async ({ body, actor, dryRun }) => {
        const errors: ImportOutcome[] = [];
        const counts = await importSubscriptions(tools, chunksOf(body), {
          actor: actor.name,
          dryRun,
          report: async (outcomes) => {
            const refused = outcomes.filter(({ result }) => result === "refused");
            errors.push(...refused.slice(0, MOST_ERRORS - errors.length));
          },
        });
        return { ...counts, errors: errors.map(shown) };
      },
    }),
  ];
}

async function* chunksOf(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

function shown({
  line,
  reference,
  column,
  message,
}: ImportOutcome): z.input<typeof answer>["errors"][number] {
  return { line, reference, column, message };
}
