import { z } from "zod";
import { formatRupiah } from "../kernel/money.ts";

const told = z.object({
  reference: z.string(),
  plan: z.string(),
  change: z.object({
    from: z.string(),
    lines: z.array(z.object({ kind: z.string(), amount: z.number(), note: z.string() })),
    credit: z.number(),
    invoice: z.string().nullable(),
    invoice_amount: z.number().nullable(),
    next: z.object({ from: z.string(), to: z.string(), amount: z.number() }).nullable(),
  }),
});

type Told = z.output<typeof told>["change"];

/** The answer of a plan change, or of its preview, for people: what is charged and given back, then what comes next. */
export function planChangeText(answer: unknown): string {
  const { reference, plan, change } = told.parse(answer);
  return [
    `${reference} is on plan ${plan} from ${change.from} on`,
    ...moneyLines(change.lines),
    dueNow(change),
    ...(change.credit === 0 ? [] : [`kept for the next invoices: ${formatRupiah(change.credit)}`]),
    comesNext(change),
  ].join("\n");
}

function moneyLines(lines: Told["lines"]): string[] {
  const rows = lines.map(({ kind, amount, note }) => ({ kind, amount: formatRupiah(amount), note }));
  const kindWidth = Math.max(0, ...rows.map(({ kind }) => kind.length));
  const amountWidth = Math.max(0, ...rows.map(({ amount }) => amount.length));
  return rows.map(({ kind, amount, note }) =>
    `  ${kind.padEnd(kindWidth)}  ${amount.padStart(amountWidth)}  ${note}`.trimEnd(),
  );
}

function dueNow({ invoice, invoice_amount: amount }: Told): string {
  if (amount === null) return "due now: nothing";
  return `due now: ${formatRupiah(amount)}${invoice === null ? "" : `, invoice ${invoice}`}`;
}

function comesNext({ next }: Told): string {
  if (next === null) return "next: nothing more is billed";
  return `next: ${formatRupiah(next.amount)} for ${next.from} to ${next.to}`;
}
