import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const EXAMPLES = [
  join(import.meta.dirname, "../../../examples"),
  join(import.meta.dirname, "../../../../examples"),
];

const planFields = z.looseObject({ code: z.string() });
const subscriptionFields = z.object({
  reference: z.string(),
  customer: z.object({ reference: z.string(), name: z.string(), phone: z.string(), email: z.string() }),
  plan: z.string(),
  start_on_offset_days: z.int().default(0),
  wallet: z.object({
    kind: z.string(),
    balance: z.int(),
    tier: z.enum(["club", "premier"]),
    top_up: z.object({ after_days: z.int(), amount: z.int() }).optional(),
    script: z.string().optional(),
  }),
});

export type SampleSubscription = z.output<typeof subscriptionFields>;
export type Sample = {
  readonly plans: readonly z.output<typeof planFields>[];
  readonly subscriptions: readonly SampleSubscription[];
};

/** The plans, customers and wallets of `examples/`. */
export function readSample(): Sample {
  return {
    plans: z.array(planFields).parse(read("plans.json")),
    subscriptions: z.array(subscriptionFields).parse(read("subscriptions.json")),
  };
}

/** From the sources, or from `dist`. */
function read(name: string): unknown {
  const [sources = "", built = ""] = EXAMPLES.map((folder) => join(folder, name));
  try {
    return JSON.parse(readFileSync(sources, "utf8"));
  } catch {
    return JSON.parse(readFileSync(built, "utf8"));
  }
}
