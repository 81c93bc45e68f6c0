import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { momentField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute } from "../platform/api-route.ts";
import type { CollectTools } from "./collect-tools.ts";
import { openPayLink, rehearsePayLink } from "./pay-link.flow.ts";

const linkAnswer = z.strictObject({
  redirect_url: z.string().nullable(),
  reference: z.string(),
  expires_at: momentField(),
  would_send: z.unknown().optional().describe("of a dry run: the request to the gateway"),
});

/** A page on which the customer pays one invoice, confirmed with the wallet's PIN. */
export function payLinkRoutes(tools: CollectTools): ApiRoute[] {
  return [
    apiRoute({
      method: "POST",
      path: "/invoices/:id/pay-link",
      command: "invoice pay-link",
      dryRun: true,
      callsGateway: true,
      summary: "A page of the gateway on which the customer pays this invoice within 30 minutes",
      roles: ["billing", "operator"],
      idempotency: "required",
      status: 201,
      answers: linkAnswer,
      run: async ({ params, actor, dryRun }) => {
        const id = params["id"] ?? "";
        // PostgreSQL would call an id that is no UUID a malformed query.
        if (!z.uuid().safeParse(id).success)
          throw new NotFoundError(`there is no invoice ${id.slice(0, 64)}`);
        const link = await (dryRun ? rehearsePayLink : openPayLink)(tools, id as InvoiceId, actor);
        return {
          redirect_url: link.redirectUrl,
          reference: link.reference,
          expires_at: link.endsAt.toUTC().toISO(),
          ...("body" in link ? { would_send: JSON.parse(link.body) } : {}),
        };
      },
    }),
  ];
}
