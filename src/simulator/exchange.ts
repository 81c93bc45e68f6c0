import { admit, externalIdKey } from "./admission.ts";
import { type Answer, answerWith, refuse } from "./answer.ts";
import type { Call, Endpoint, Outcome, WireRequest } from "./endpoint.ts";
import { balanceEndpoint, statusEndpoint } from "./inquiry.ts";
import { bindingEndpoint, unbindingEndpoint } from "./linking.ts";
import { emit } from "./notifier.ts";
import { paymentEndpoint } from "./payment.ts";
import { refundEndpoint } from "./refund.ts";
import { type Facts, PLAIN, type Plan, parseScript, takePlan } from "./script.ts";
import { customerTokenEndpoint, gatewayTokenEndpoint } from "./tokens.ts";
import type { World } from "./world.ts";

/** DOKU's eight systems by path. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map(
  [
    gatewayTokenEndpoint,
    customerTokenEndpoint,
    bindingEndpoint,
    balanceEndpoint,
    paymentEndpoint,
    statusEndpoint,
    refundEndpoint,
    unbindingEndpoint,
  ].map((endpoint) => [endpoint.path, endpoint]),
);

/** How one request ends: the answer (null: lost on the way in) and what its script does to it. */
export type Ending = {
  readonly answer: Answer | null;
  readonly plan: Plan;
  /** Sends what must arrive before the answer. */
  readonly before: () => Promise<void>;
  /** Sends what follows the answer. */
  readonly afterwards: () => void;
};

/** What its sender sees of an ending: an answer as it goes out, nothing at all, or a broken connection. */
export type WrittenEnding =
  | { readonly status: number; readonly type: "application/json" | "text/html"; readonly text: string }
  | "silence"
  | "reset";

/** An ending the way its script says: whole, broken, or not at all. */
export function writtenEnding({ answer, plan }: Ending): WrittenEnding {
  if (plan.answer === "silence") return "silence";
  if (plan.answer === "reset" || answer === null) return "reset";
  if (plan.answer === "html")
    return { status: 502, type: "text/html", text: "<html><body><h1>502 Bad Gateway</h1></body></html>" };
  const status = plan.answer === "replayed" ? 409 : answer.status;
  return { status, type: "application/json", text: writtenBody(answer.body, plan.answer) };
}

/** The body as it goes out: whole, cut, or with a key twice. */
function writtenBody(body: Answer["body"], sent: Plan["answer"]): string {
  const text = JSON.stringify(body);
  if (sent === "truncated") return text.slice(0, text.length >> 1);
  // Parsers keep the last of two equal keys; a careful reader believes neither.
  return sent === "duplicate-keys" ? text.replace("{", '{"responseCode":"5005400",') : text;
}

const KEPT_HEADERS = [
  "x-timestamp",
  "x-client-key",
  "x-partner-id",
  "x-external-id",
  "authorization-customer",
] as const;

/** Answers one request. Whatever it does to money is done when this returns; only the answer is still to travel. */
export function answerRequest(world: World, endpoint: Endpoint, request: WireRequest): Ending {
  const admission = admit(world, endpoint, request);
  if (admission.kind === "refused") {
    const { answer, storeUnder } = admission;
    if (storeUnder !== null)
      world.externalIds.set(storeUnder, { path: request.path, body: request.body, answer });
    keepRecord(world, request, { answer, plan: PLAIN, facts: null });
    return ending(world, { answer, notices: [] }, PLAIN);
  }
  const { call } = admission;
  const facts = { path: request.path, service: endpoint.service, ...endpoint.facts(world, call) };
  const plan = planFor(world, facts);
  if (plan.lost) {
    keepRecord(world, request, { answer: null, plan, facts });
    return { ...ending(world, { answer: answerWith("2000000"), notices: [] }, plan), answer: null };
  }
  const outcome =
    plan.refusal === null ? endpoint.run(world, call, plan) : refuseAsTold(world, endpoint, call, plan);
  const answer = spoiled(endpoint.service, outcome.answer, plan);
  remember(world, call, answer);
  keepRecord(world, request, { answer, plan, facts });
  return ending(world, { ...outcome, answer }, plan);
}

function planFor({ scripts, chooses }: World, facts: Facts): Plan {
  const told = takePlan(scripts, facts);
  const chosen = told === PLAIN ? (chooses?.(facts) ?? null) : null;
  return chosen === null ? told : parseScript({ match: {}, outcome: chosen }).plan(0);
}

function refuseAsTold(world: World, endpoint: Endpoint, call: Call, plan: Plan): Outcome {
  const code = plan.refusal?.code ?? "";
  const detail = plan.refusal?.detail ?? null;
  const answer = detail === null ? answerWith(code) : refuse(code, detail);
  return { answer, notices: endpoint.refused?.(world, call, { ...plan, code }) ?? [] };
}

/** The gateway's own failure after the work was done; what happens on the way out is the server's part. */
function spoiled(service: string, answer: Answer, plan: Plan): Answer {
  if (plan.answer === "general-error") return answerWith(`500${service}00`);
  if (plan.answer === "gateway-timeout") return answerWith(`504${service}00`);
  return answer;
}

function remember(world: World, call: Call, answer: Answer): void {
  // Our own token (401xx01, 03) and the rate limiter (429) stand before the point where an id is taken.
  if (call.externalId === "" || /^(401\d\d0[013]|429)/.test(answer.code)) return;
  const { path, body } = call.request;
  world.externalIds.set(externalIdKey(world, call.merchant, call.externalId), { path, body, answer });
}

function keepRecord(
  world: World,
  request: WireRequest,
  seen: { readonly answer: Answer | null; readonly plan: Plan; readonly facts: Facts | null },
): void {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  world.requests.push({
    at: world.clock.now(),
    path: request.path,
    headers,
    body: request.body,
    reference: seen.facts?.reference ?? null,
    phone: seen.facts?.phone ?? null,
    code: seen.answer?.code ?? null,
    sent: seen.plan.answer,
  });
}

function ending(world: World, outcome: Outcome, plan: Plan): Ending {
  const isEarly = plan.notify.timing === "early";
  const send = () => Promise.all(outcome.notices.map((notice) => emit(world, notice)));
  return {
    answer: outcome.answer,
    plan,
    before: async () => {
      if (isEarly) await send();
    },
    afterwards: () => {
      if (!isEarly) void send();
      outcome.afterwards?.();
    },
  };
}
