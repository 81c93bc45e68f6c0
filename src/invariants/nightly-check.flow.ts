import type { Logger } from "pino";
import { openExceptions } from "../exceptions/exception.store.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { type BrokenRule, checkRules } from "./check-rules.flow.ts";
import type { Rule } from "./rule.ts";
import { type BrokenCounts, claimCheck, lastCheck, saveCheck } from "./rule-check.store.ts";

export type NightlyTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** BILLING_ZONE: whose days these are. */
  readonly zone: string;
  readonly rules: readonly Rule[];
};

/** A day's check is due from this hour on: what was due on the day before is done by then. */
const FROM_HOUR = 3;
/** A backlog is paced by the gateway's rate and ends with the window; what is late by more was forgotten. */
const PATIENCE_MS = 12 * 3_600_000;

/**
 * Checks the rules once a business day, by whichever process asks first; every break opens an exception `broken_rule`,
 * and none is ever closed by this. Answers what was broken, or null when there was nothing to do.
 */
export async function checkNightly({
  db,
  clock,
  log,
  zone,
  rules,
}: NightlyTools): Promise<BrokenRule[] | null> {
  const now = await clock.now(db);
  const day = localDateAt(now.minus({ hours: FROM_HOUR }) as Instant, zone);
  if ((await lastCheck(db))?.day === day || !(await claimCheck(db, day))) return null;
  const broken = await checkRules(db, rules, { now, patienceMs: PATIENCE_MS });
  await note(db, day, broken, now);
  const event = { event: "rules.checked", day, broken: broken.length };
  if (broken.length === 0) log.info(event);
  else log.error({ ...event, rules: countByRule(broken) });
  return broken;
}

async function note(
  db: Database,
  day: LocalDate,
  broken: readonly BrokenRule[],
  now: Instant,
): Promise<void> {
  await db.begin(async (tx) => {
    await openExceptions(
      tx,
      broken.map(({ rule, subject, invoiceId, subscriptionId, says }) => ({
        kind: "broken_rule",
        subject: `${rule}/${subject}`.slice(0, 200),
        ...(invoiceId === null ? {} : { invoiceId }),
        says: `${rule}: ${says}`.slice(0, 300),
        facts: { rule, subscription_id: subscriptionId, day },
        at: now,
      })),
    );
    await saveCheck(tx, day, countByRule(broken));
  });
}

function countByRule(broken: readonly BrokenRule[]): BrokenCounts {
  const counts: Record<string, number> = {};
  for (const { rule } of broken) counts[rule] = (counts[rule] ?? 0) + 1;
  return counts;
}

/** What the latest check found, a line a rule that is broken; empty when all hold. */
export async function ruleAlarms(db: Database): Promise<string[]> {
  const last = await lastCheck(db);
  if (last === null) return [];
  return Object.entries(last.broken)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([rule, times]) => `${rule} is broken (${times}, checked for ${last.day})`);
}
