import { z } from "zod";
import type { DeliveryId } from "../kernel/ids.ts";
import type { DeliveryHandler } from "./handle.flow.ts";

const payload = z.object({ deliveryIds: z.array(z.string().regex(/^\d{1,19}$/)).max(500) });

/** The bell for stored deliveries. */
export const handleJob = {
  name: "handle",
  run: (handle: DeliveryHandler, data: unknown) => handle(payload.parse(data).deliveryIds as DeliveryId[]),
} as const;
