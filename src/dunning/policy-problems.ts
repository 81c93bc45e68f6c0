import { durationMs } from "../platform/config-values.ts";
import type { PolicyFile } from "./policy-file.ts";

/** What is wrong with one field, by its path: `ladder.funds`. */
export type PolicyProblem = { readonly path: readonly (string | number)[]; readonly message: string };

/** DOKU answers for a payment after 60 s at the earliest: until then "not found" proves nothing. */
const EARLIEST_INQUIRY_MS = 65_000;

/** What no field says alone: fields that contradict each other. */
export function contradictions(file: PolicyFile): PolicyProblem[] {
  return [
    ...hoursProblems(file),
    ...ladderProblems(file),
    ...probeProblems(file),
    ...graceProblems(file),
    ...inquiryProblems(file),
  ];
}

/** What is allowed, and most likely not meant. */
export function warningsOf(file: PolicyFile): string[] {
  const longest = Math.max(...Object.values(file.ladder).map((steps) => steps.length));
  const { requests_per_bill: requests } = file.limits;
  const warnings: string[] = [];
  if (requests < longest + 1)
    warnings.push(
      `limits.requests_per_bill: ${requests} requests do not reach the end of a ladder of ${longest} steps and a first try`,
    );
  if (file.probes.at.length > 0 && !file.probes.charge_when_enough)
    warnings.push("probes.charge_when_enough: looks are made and nothing follows from them");
  if (file.money_days.days.length === 0)
    warnings.push("money_days.days: without a money day no try is moved");
  return warnings;
}

function hoursProblems({ window, spread }: PolicyFile): PolicyProblem[] {
  const found: PolicyProblem[] = [];
  if (window !== "always" && window.from >= window.to)
    return [{ path: ["window", "to"], message: `must be later than from (${window.from})` }];
  if (spread === "none") return found;
  if (spread.from >= spread.to)
    found.push({ path: ["spread", "to"], message: `must be later than from (${spread.from})` });
  else if (window !== "always" && (spread.from < window.from || spread.to > window.to))
    found.push({
      path: ["spread"],
      message: `must lie within the window (${window.from} to ${window.to}); change it, or write none`,
    });
  return found;
}

function ladderProblems({ ladder, end }: PolicyFile): PolicyProblem[] {
  return Object.entries(ladder).flatMap(([name, steps]) => {
    const found: PolicyProblem[] = [];
    const days = steps.flatMap((step, index) => (typeof step === "number" ? [{ step, index }] : []));
    for (const [at, { step, index }] of days.entries()) {
      const before = days[at - 1]?.step;
      const path = ["ladder", name, index];
      if (before !== undefined && before >= step)
        found.push({ path, message: `must grow: ${step} after ${before}` });
      else if (step >= end.after_days)
        found.push({
          path,
          message: `day ${step} is not before the end; take it out, or make end.after_days (${end.after_days}) longer`,
        });
    }
    const months = steps.filter((step) => step === "first_of_next_month").length;
    if (months > 1)
      found.push({ path: ["ladder", name], message: "says first_of_next_month twice; once is enough" });
    return found;
  });
}

function probeProblems({ probes }: PolicyFile): PolicyProblem[] {
  const found: PolicyProblem[] = [];
  for (const [index, time] of probes.at.entries()) {
    const before = probes.at[index - 1];
    if (time === "24:00") found.push({ path: ["probes", "at", index], message: "must be before 24:00" });
    else if (before !== undefined && before >= time)
      found.push({ path: ["probes", "at", index], message: `must grow: ${time} after ${before}` });
  }
  if (probes.per_day !== undefined && probes.per_day !== probes.at.length)
    found.push({
      path: ["probes", "per_day"],
      message: `must be the number of times in probes.at (${probes.at.length}); it may be left out`,
    });
  return found;
}

function graceProblems({ grace }: PolicyFile): PolicyProblem[] {
  if (grace.access_limited_until > grace.access_full_days) return [];
  const message = `must be later than access_full_days (${grace.access_full_days})`;
  return [{ path: ["grace", "access_limited_until"], message }];
}

function inquiryProblems({ unknown }: PolicyFile): PolicyProblem[] {
  if (durationMs(unknown.query_after[0] ?? "1d") >= EARLIEST_INQUIRY_MS) return [];
  return [
    {
      path: ["unknown", "query_after", 0],
      message: "must be at least 65s: until then the gateway does not know",
    },
  ];
}
