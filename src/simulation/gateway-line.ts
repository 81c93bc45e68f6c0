import type { Http, Outcome } from "../gateway/snap/http.ts";
import { sleep } from "../platform/timer.ts";
import type { InProcessSimulator } from "../simulator/in-process.ts";
import type { Stepper } from "./stepper.ts";

/** What happens to one call on its way. */
export type LineFault =
  /** Not one byte leaves. */
  | { readonly kind: "not-sent" }
  /** It stays on the way so long; the caller may have given up by then, and the gateway still acts on it. */
  | { readonly kind: "slow"; readonly ms: number }
  | null;

export type LineTools = {
  readonly stepper: Stepper;
  readonly gateway: InProcessSimulator;
  readonly timeoutMs: number;
  /** Whether calls and answers wait for their turn; else only what follows them does. */
  readonly fine: boolean;
  readonly faultOf: (path: string) => LineFault;
  /** Told of every call that leaves, before it does. */
  readonly onSend: (path: string, externalId: string) => Promise<void>;
};

/** The line to the gateway without a socket: the same three outcomes, by the simulated clock. */
export function gatewayLine(tools: LineTools): Http {
  return {
    post: (call) => post(tools, call),
    close: async () => {},
  };
}

type Call = Parameters<Http["post"]>[0];

async function post(tools: LineTools, { path, headers, body, timeoutMs }: Call): Promise<Outcome> {
  const { faultOf, onSend } = tools;
  const limitMs = Math.min(timeoutMs ?? tools.timeoutMs, tools.timeoutMs);
  // At this very moment the sender has looked at its lease; whatever delays it afterwards is not its fault.
  await onSend(path, headers["X-EXTERNAL-ID"] ?? "");
  const fault = await turn(tools, `send ${path}`, async () => faultOf(path));
  if (fault?.kind === "not-sent") return { kind: "not_sent", cause: "connect ECONNREFUSED" };
  const waitMs = fault?.kind === "slow" ? fault.ms : 0;
  const heard = travel(tools, { path, headers, body }, waitMs);
  return waitMs < limitMs ? heard(limitMs - waitMs) : giveUp(limitMs);
}

/** The call goes its way, and gets there whether or not anybody still listens. */
function travel(
  tools: LineTools,
  { path, headers, body }: Omit<Call, "timeoutMs">,
  waitMs: number,
): (leftMs: number) => Promise<Outcome> {
  const all = { ...headers, "Content-Type": "application/json" };
  const arrived = arrive(waitMs).then(() => tools.gateway.exchange(path, all, body));
  arrived.catch(() => {});
  return async (leftMs) => {
    const ended = await arrived;
    if (ended.kind === "silence" || (ended.kind === "answer" && ended.slowMs >= leftMs))
      return giveUp(leftMs);
    if (ended.kind === "answer" && ended.slowMs > 0) await sleep(ended.slowMs);
    return turn(tools, `answer ${path}`, async () =>
      ended.kind === "answer"
        ? { kind: "answer", status: ended.status, text: ended.text }
        : { kind: "no_answer", cause: "socket hang up" },
    );
  };
}

function turn<T>({ fine, stepper }: LineTools, what: string, work: () => Promise<T>): Promise<T> {
  return fine ? stepper.step(what, work) : work();
}

async function arrive(ms: number): Promise<void> {
  if (ms > 0) await sleep(ms);
}

async function giveUp(ms: number): Promise<Outcome> {
  await sleep(ms);
  return { kind: "no_answer", cause: `no answer in ${ms} ms` };
}
