import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { DunningPolicy } from "./policy.ts";
import { minuteOf, momentOnMinute } from "./wall-clock.ts";
import { openDayFrom } from "./window.ts";

/**
 * When an invoice is tried for the first time: on its bill day or the next open one, in a slot of the spread hours
 * that its id alone decides, so that what opens together is not asked together. Without spread hours, at the opening.
 */
export function firstTryAt(
  policy: Pick<DunningPolicy, "spread" | "window" | "zone">,
  invoiceId: InvoiceId,
  billsOn: LocalDate,
): Instant {
  const day = openDayFrom(policy, billsOn);
  if (policy.spread === null)
    return momentOnMinute(day, minuteOf(policy.window?.from ?? "00:00"), policy.zone);
  const from = minuteOf(policy.spread.from);
  const slots = Math.max(1, Math.floor((minuteOf(policy.spread.to) - from) / SLOT_MINUTES));
  return momentOnMinute(day, from + SLOT_MINUTES * (hashOf(invoiceId) % slots), policy.zone);
}

/** Those of one slot go out together: a set costs the database hardly more than one of them. */
const SLOT_MINUTES = 10;

const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** FNV-1a, 32 bits: the same on every machine and in every version, for a stored plan rests on it. */
function hashOf(text: string): number {
  let hash = FNV_OFFSET;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash >>> 0;
}
