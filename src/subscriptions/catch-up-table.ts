import { formatRupiah } from "../kernel/money.ts";
import type { CatchUpPlan } from "./catch-up.ts";

const MEANING = {
  one_a_day: "every missed period, oldest first, one a day",
  all_at_once: "every missed period, oldest first, all at once",
  current_only: "periods that are over are not billed",
  shift_anchor: "the missed time is not billed, the anchor moves",
  hold: "nothing late opens until a person chooses",
} as const;

/** The plan as a table for people: one line for each invoice, each time that is not billed and each period held. */
export function catchUpTable(plan: CatchUpPlan): string {
  const lines = [
    ...plan.rows.map(({ on, subscription, period, amount, late }) => [
      on,
      subscription,
      `${period.start} to ${period.end}`,
      formatRupiah(amount),
      late ? "late" : "on its day",
    ]),
    ...plan.passedOver.map(({ subscription, from, to, says }) => [
      "never",
      subscription,
      `${from} to ${to}`,
      "",
      says,
    ]),
    ...plan.held.map(({ subscription, period, amount }) => [
      "held",
      subscription,
      `${period.start} to ${period.end}`,
      formatRupiah(amount),
      "waits for a choice",
    ]),
  ];
  const table = [["opens on", "subscription", "period", "amount", ""], ...lines];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const text = table.map((row) =>
    row
      .map((word, column) =>
        column === AMOUNT ? word.padStart(widths[column] ?? 0) : word.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [
    `${plan.policy}: ${MEANING[plan.policy]}`,
    ...plan.own.map(({ subscription, policy }) => `${subscription}: ${policy}, its own choice`),
    ...text,
    `late periods billed: ${formatRupiah(plan.lateAmount)}${plan.complete ? "" : " (cut off: too many invoices)"}`,
  ].join("\n");
}

/** The only column of numbers. */
const AMOUNT = 3;
