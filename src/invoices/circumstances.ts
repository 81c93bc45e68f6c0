import type { DunningPolicy } from "../dunning/policy.ts";
import type { Verdict } from "../gateway/gateway.ts";
import type { Instant } from "../kernel/time.ts";
import type { Attempt } from "./attempt.ts";
import type { Dunned } from "./dunned.ts";
import type { NewsFacts } from "./facts.ts";
import type { News } from "./news.ts";

/** What is true when news arrives. */
export type Circumstances = {
  readonly facts: NewsFacts;
  readonly attempt: Attempt;
  readonly news: News;
  /** The invoice's own. */
  readonly policy: DunningPolicy;
  /** Null where no news can be a decline. */
  readonly dunned: Dunned | null;
  readonly now: Instant;
  /** In turned mode "not found" does not count sooner than this after the last send (real time); otherwise 0. */
  readonly notFoundBlindMs: number;
};

/** The gateway's own code in a verdict, or the kind of our doubt. */
export function codeOf(verdict: Verdict): string {
  return "code" in verdict ? verdict.code : verdict.kind;
}
