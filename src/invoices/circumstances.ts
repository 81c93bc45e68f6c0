import type { Verdict } from "../gateway/gateway.ts";
import type { Instant } from "../kernel/time.ts";
import type { Attempt } from "./attempt.ts";
import type { DunningPolicy } from "./dunning.ts";
import type { NewsFacts } from "./facts.ts";
import type { News } from "./news.ts";

/** What is true when news arrives. */
export type Circumstances = {
  readonly facts: NewsFacts;
  readonly attempt: Attempt;
  readonly news: News;
  readonly policy: DunningPolicy;
  readonly now: Instant;
  /** In turned mode "not found" does not count sooner than this after the last send (real time); otherwise 0. */
  readonly notFoundBlindMs: number;
};

/** The gateway's own code in a verdict, or the kind of our doubt. */
export function codeOf(verdict: Verdict): string {
  return "code" in verdict ? verdict.code : verdict.kind;
}
