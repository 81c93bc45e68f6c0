import type { z } from "zod";
import type { FieldProblem } from "./problem.ts";

/** An attacker's list of 10,000 wrong entries is not worth an answer of 10,000 lines. */
const MOST_PROBLEMS = 50;

/**
 * What a schema makes of an input, or undefined after adding everything that is wrong with it to `wrong`: each wrong
 * field by its name, or by `whole` when the input as a whole is wrong.
 */
export function readFields(schema: z.ZodType, input: unknown, whole: string, wrong: FieldProblem[]): unknown {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  for (const issue of result.error.issues.slice(0, MOST_PROBLEMS)) {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys)
        wrong.push({ field: [...path, key].join("."), message: "is not a known field" });
    } else {
      const missing = / received undefined$/.test(issue.message);
      wrong.push({ field: path.join(".") || whole, message: missing ? "is required" : issue.message });
    }
  }
  return undefined;
}

/** The message of an `InvalidError` about several fields; `nameOf` says how the caller calls a field. */
export function saysOf(wrong: readonly FieldProblem[], nameOf = (field: string) => field): string {
  return wrong.map(({ field, message }) => `${nameOf(field)}: ${message}`).join("; ");
}
