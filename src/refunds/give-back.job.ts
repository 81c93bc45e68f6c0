import { z } from "zod";
import type { RefundId } from "../kernel/ids.ts";
import { giveBack, type RefundTools } from "./give-back.flow.ts";

const payload = z.object({ refundIds: z.array(z.uuid()).max(500) });

/** The bell for refunds. Carries only ids: the row is the truth. */
export const giveBackJob = {
  name: "give-back",
  run: (tools: RefundTools, data: unknown) => giveBack(tools, payload.parse(data).refundIds as RefundId[]),
} as const;
