import { z } from "zod";
import { dateField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Download } from "../platform/download.ts";
import { GROUPINGS } from "./collection.ts";
import { renderReport, reportBody } from "./render-report.ts";
import type { Report } from "./report.ts";
import { REPORT_NAMES, type ReportTools, runReport } from "./run-report.flow.ts";

const reportQuery = z.strictObject({
  from: dateField().optional(),
  to: dateField().optional(),
  plan: z.string().min(1).max(64).optional(),
  group: z.enum(GROUPINGS, { error: `must be one of ${GROUPINGS.join(", ")}` }).optional(),
  format: z.enum(["json", "csv"], { error: "must be json or csv" }).default("json"),
});

/** Reports, as JSON or as CSV. */
export function reportRoutes(tools: ReportTools): ApiRoute[] {
  return [
    apiRoute({
      method: "GET",
      path: "/reports/:name",
      summary: `A report: ${REPORT_NAMES.join(", ")}`,
      roles: EVERYBODY,
      idempotency: "none",
      query: reportQuery,
      run: async ({ params, query: { format, ...asked } }) => {
        const report = await runReport(tools, params["name"] ?? "", asked);
        return format === "csv" ? csvFile(report) : reportBody(report);
      },
    }),
  ];
}

function csvFile(report: Report): Download {
  const { name, from, to } = report.heading;
  return {
    contentType: "text/csv; charset=utf-8; header=present",
    fileName: `${name}-${from}-to-${to}.csv`,
    content: renderReport(report, "csv"),
  };
}
