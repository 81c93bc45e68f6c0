import type { Instant } from "../kernel/time.ts";
import { type Database, planFreely } from "../platform/database.ts";
import type { Broken, Rule, RuleFacts } from "./rule.ts";

/** A break, with the name of its rule. */
export type BrokenRule = Broken & { readonly rule: string };

export type CheckAsked = Partial<RuleFacts> & {
  /** Business time. */
  readonly now: Instant;
  /** How many breaks of each rule are told. */
  readonly limit?: number;
  /** How long one rule may read, real ms. */
  readonly timeoutMs?: number;
};

const LIMIT = 100;
/** A statement that passes over ten million rows takes minutes; see docs/invariants.md. */
const TIMEOUT_MS = 600_000;

/**
 * What is broken, by rule in the order given, read from one snapshot: nothing is changed, and nobody waits for it.
 * Without `patienceMs` whatever is due must have been done.
 */
export async function checkRules(
  db: Pick<Database, "begin">,
  rules: readonly Rule[],
  { now, patienceMs = 0, limit = LIMIT, timeoutMs = TIMEOUT_MS }: CheckAsked,
): Promise<BrokenRule[]> {
  return db.begin(async (tx) => {
    // Rules that are read one after the other agree only if nothing is written in between.
    await tx.query("set transaction isolation level repeatable read, read only");
    await tx.query("select set_config('statement_timeout', $1, true)", [String(timeoutMs)]);
    await planFreely(tx);
    const broken: BrokenRule[] = [];
    for (const { name, find } of rules) {
      const found = await find(tx, { now, patienceMs }, limit);
      broken.push(...found.map((each) => ({ ...each, rule: name })));
    }
    return broken;
  });
}
