import { z } from "zod";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Collector } from "./collect.flow.ts";

const payload = z.object({ invoiceIds: z.array(z.uuid()).max(500) });

/** The bell for a page of invoices. Carries only ids: the row is the truth. */
export const collectJob = {
  name: "collect",
  run: (collector: Collector, data: unknown) =>
    collector.collect(payload.parse(data).invoiceIds as InvoiceId[]),
} as const;
