import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { type ApiRoute, apiRoute } from "../platform/api-route.ts";
import type { CollectTools } from "./collect-tools.ts";
import { openPayLink } from "./pay-link.flow.ts";

/** A page on which the customer pays one invoice, confirmed with the wallet's PIN. */
export function payLinkRoutes(tools: CollectTools): ApiRoute[] {
  return [
    apiRoute({
      method: "POST",
      path: "/invoices/:id/pay-link",
      summary: "A page of the gateway on which the customer pays this invoice within 30 minutes",
      roles: ["billing", "operator"],
      idempotency: "required",
      status: 201,
      run: async ({ params, actor }) => {
        const id = params["id"] ?? "";
        // PostgreSQL would call an id that is no UUID a malformed query.
        if (!z.uuid().safeParse(id).success)
          throw new NotFoundError(`there is no invoice ${id.slice(0, 64)}`);
        const { redirectUrl, reference, endsAt } = await openPayLink(tools, id as InvoiceId, actor);
        return { redirect_url: redirectUrl, reference, expires_at: endsAt.toUTC().toISO() };
      },
    }),
  ];
}
