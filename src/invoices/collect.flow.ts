import type { Gateway } from "../gateway/gateway.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { failpoint } from "../platform/failpoint.ts";
import { type InFlightWindow, inFlightWindow } from "../platform/in-flight-window.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { reportCalls } from "./breaker.flow.ts";
import type { CallCounts } from "./breaker.ts";
import type { CollectTools } from "./collect-tools.ts";
import { endCollecting } from "./end-collecting.flow.ts";
import { PERMITS_PER_COLLECTION, runStep, type StepFlows, stepFlows } from "./run-step.flow.ts";
import { type Taken, takeLeases } from "./take-leases.flow.ts";

/** Collects pages of invoices. Safe to run any number of times, at any moment, in any number of processes. */
export type Collector = { collect(ids: readonly InvoiceId[]): Promise<void> };

type Process = { readonly tools: CollectTools; readonly flows: StepFlows; readonly window: InFlightWindow };

/** Builds the collector: one window of calls in flight, and single steps coalesced into transactions over sets. */
export function collector(given: CollectTools): Collector {
  const window = inFlightWindow();
  const tools = { ...given, gateway: watched(given.gateway, window) };
  const here = { tools, flows: stepFlows(tools), window };
  return { collect: (ids) => collectPage(here, ids) };
}

/**
 * A page is leased in parts, each as large as the window has places and the gateway permits: a lease that waits in
 * line would run out, and what is in memory is what is in flight.
 */
async function collectPage(here: Process, ids: readonly InvoiceId[]): Promise<void> {
  const running: Promise<unknown>[] = [];
  const failures: unknown[] = [];
  const note = (error: unknown) => failures.push(error);
  for (let rest = ids; rest.length > 0; ) {
    const part = await leasePart(here, rest).catch(note);
    if (typeof part === "number") break;
    // A part may fail while the next one is being leased: its error waits until all parts have ended.
    running.push(runPart(here, part).catch(note));
    // Without permits the rest stays unleased, for a later bell.
    if (part.size === 0) break;
    rest = rest.slice(part.size);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}

type Part = Taken & { readonly size: number; readonly granted: number };

async function leasePart({ tools, window }: Process, rest: readonly InvoiceId[]): Promise<Part> {
  const places = await window.take(rest.length);
  let kept = 0;
  try {
    const granted = await tools.permits.take(places * PERMITS_PER_COLLECTION);
    const size = Math.floor(granted / PERMITS_PER_COLLECTION);
    const taken = size === 0 ? { leased: [], ended: [] } : await takeLeases(tools, rest.slice(0, size));
    if (taken.leased.length > 0) failpoint("leases.after-commit");
    kept = taken.leased.length;
    return { size, granted, ...taken };
  } finally {
    window.giveBack(places - kept);
  }
}

async function runPart({ tools, flows, window }: Process, { granted, leased, ended }: Part): Promise<void> {
  const counts = await Promise.all(
    leased.map((each) => runStep(tools, flows, each).finally(() => window.giveBack(1))),
  );
  const used = sumOf(counts);
  await tools.permits.giveBack(granted - used.calls);
  await reportCalls(tools, used);
  await endCollecting(tools, ended);
}

function sumOf(counts: readonly CallCounts[]): CallCounts {
  const add = (sum: CallCounts, each: CallCounts) => ({
    calls: sum.calls + each.calls,
    bad: sum.bad + each.bad,
  });
  return counts.reduce(add, { calls: 0, bad: 0 });
}

/** The same gateway, its calls measured for the window. */
function watched(gateway: Gateway, window: InFlightWindow): Gateway {
  const measure = async <T>(
    call: Promise<T>,
    outcomeOf: (answer: T) => "good" | "busy" | "bad",
  ): Promise<T> => {
    const startedAtMs = monotonicMs();
    const answer = await call;
    window.learn({ startedAtMs, endedAtMs: monotonicMs(), outcome: outcomeOf(answer) });
    return answer;
  };
  type Judged = { readonly verdict: { readonly kind: string } };
  const ofVerdict = ({ verdict: { kind } }: Judged) => {
    if (kind === "busy") return "busy";
    return kind === "unknown" || kind === "not_sent" ? "bad" : "good";
  };
  return {
    ...gateway,
    balance: (token) =>
      measure(gateway.balance(token), (answer) => (answer.kind === "away" ? "bad" : "good")),
    pay: (request) => measure(gateway.pay(request), ofVerdict),
    inquire: (request) => measure(gateway.inquire(request), ofVerdict),
  };
}
