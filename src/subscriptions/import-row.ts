import { z } from "zod";
import type { LocalDate } from "../kernel/time.ts";
import { dateField, referenceField, rupiahField, wholeField } from "../platform/api-fields.ts";
import type { FieldProblem } from "../platform/problem.ts";
import { readFields } from "../platform/read-fields.ts";
import { ALIGNMENTS, type Alignment } from "./alignment.ts";
import { IMPORT_COLUMNS, type ImportColumn } from "./import-columns.ts";
import { zoneField } from "./term-fields.ts";

/** One line of an import, read; null: the cell is empty or the column is not there. */
export type ImportRow = {
  readonly reference: string;
  readonly customer: string;
  readonly customerName: string | null;
  readonly phone: string | null;
  readonly email: string | null;
  readonly plan: string;
  readonly amount: number | null;
  readonly startOn: LocalDate;
  readonly nextBillOn: LocalDate | null;
  readonly alignment: Alignment | null;
  readonly billingDay: number | null;
  readonly billingMonth: number | null;
  readonly trialEndsOn: LocalDate | null;
  readonly endsOn: LocalDate | null;
  /** Of all invoices there will ever have been, counted from the start. */
  readonly cycles: number | null;
  readonly zone: string | null;
  readonly allowSecond: boolean;
};

/** Reads the cells of a line under its columns, or says everything that is wrong with them, by column. */
export function readImportRow(
  columns: readonly ImportColumn[],
  cells: readonly string[],
): ImportRow | { readonly wrong: readonly FieldProblem[] } {
  if (cells.length !== columns.length) {
    const message = `the line has ${cells.length} cells and the first line ${columns.length}: is a delimiter missing, or one too many?`;
    return { wrong: [{ field: "", message }] };
  }
  const given: Record<string, string> = {};
  const wrong: FieldProblem[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = (cells[index] ?? "").trim();
    if (CONTROL.test(cell)) wrong.push({ field: column, message: "holds a control character: take it out" });
    else if (cell !== "") given[column] = cell;
    else if (IMPORT_COLUMNS[column] === "required") wrong.push({ field: column, message: "is required" });
  }
  const found: FieldProblem[] = [];
  const read = readFields(schema, given, "", found);
  // What is missing or unreadable is missing to the schema as well.
  wrong.push(...found.filter(({ field }) => !wrong.some((known) => known.field === field)));
  return wrong.length > 0 ? { wrong } : rowOf(read as z.output<typeof schema>);
}

/** PostgreSQL cannot keep NUL, and none of the others belongs in a name. */
const CONTROL = /\p{Cc}/u;
/** A spreadsheet that opens a list of customers would run it. */
const FORMULA = /^[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/;
const NO_FORMULA = {
  error: "must not begin with =, +, - or @, which a spreadsheet takes for the beginning of a formula",
};

const schema = z.strictObject({
  reference: referenceField(),
  customer: referenceField(),
  customer_name: z
    .string()
    .max(70, { error: "must be at most 70 characters" })
    .refine((name) => !FORMULA.test(name), NO_FORMULA)
    .optional(),
  // What a phone number is, is asked when it is known whose it is.
  phone: z.string().max(30, { error: "must be at most 30 characters" }).optional(),
  email: z
    .email({ error: "must be an e-mail address" })
    .max(64, { error: "must be at most 64 characters" })
    .refine((email) => !FORMULA.test(email), NO_FORMULA)
    .optional(),
  plan: referenceField(),
  amount: inDigits(rupiahField(), "must be whole rupiah in digits only, e.g. 99000: no dots, no sen, no Rp"),
  start_on: dateField(),
  next_bill_on: dateField().optional(),
  alignment: z.enum(ALIGNMENTS, { error: `must be one of ${ALIGNMENTS.join(", ")}` }).optional(),
  billing_day: inDigits(wholeField(1, 31)),
  billing_month: inDigits(wholeField(1, 12)),
  trial_ends_on: dateField().optional(),
  ends_on: dateField().optional(),
  cycles: inDigits(wholeField(1, 1200)),
  zone: zoneField().optional(),
  allow_second: z.enum(["true", "false"], { error: "must be true or false" }).optional(),
});

/** A number as people type it into a cell; the field judges it, and refuses all other text in its own words or ours. */
function inDigits(field: z.ZodInt, says?: string) {
  return z
    .string()
    .transform((cell, context) => {
      const read = field.safeParse(/^\d{1,15}$/.test(cell) ? Number(cell) : cell);
      if (read.success) return read.data;
      context.addIssue({ code: "custom", message: says ?? read.error.issues[0]?.message ?? "is no number" });
      return z.NEVER;
    })
    .optional();
}

function rowOf(cells: z.output<typeof schema>): ImportRow {
  return {
    reference: cells.reference,
    customer: cells.customer,
    customerName: cells.customer_name ?? null,
    phone: cells.phone ?? null,
    email: cells.email ?? null,
    plan: cells.plan,
    amount: cells.amount ?? null,
    startOn: cells.start_on,
    nextBillOn: cells.next_bill_on ?? null,
    alignment: cells.alignment ?? null,
    billingDay: cells.billing_day ?? null,
    billingMonth: cells.billing_month ?? null,
    trialEndsOn: cells.trial_ends_on ?? null,
    endsOn: cells.ends_on ?? null,
    cycles: cells.cycles ?? null,
    zone: cells.zone ?? null,
    allowSecond: cells.allow_second === "true",
  };
}
