import { InvalidError } from "../kernel/errors.ts";

/** How a payment's or binding's notification travels. Times on the simulator's clock. */
export type NotifyPlan = {
  readonly timing: "after" | "early" | "late" | "never";
  readonly lateMs: number;
  readonly twice: boolean;
  /** A status sent behind the true one, as if an older message had been overtaken. */
  readonly trailingStatus: string | null;
  readonly badSignature: boolean;
  readonly wrongAmount: boolean;
  /** A stranger without our keys claims success first. */
  readonly forged: boolean;
};

/** What the next matching request meets. Without a script: everything as it should be. */
export type Plan = {
  /** Answered as it is, nothing taken. */
  readonly refusal: { readonly code: string; readonly detail: string | null } | null;
  /** Lost before the gateway looked at it. */
  readonly lost: boolean;
  readonly answer:
    | "as-made"
    | "silence"
    | "reset"
    | "general-error"
    | "gateway-timeout"
    | "html"
    | "replayed"
    | "truncated"
    | "duplicate-keys";
  readonly slowMs: number;
  /** `in-progress` settles later; a code is the decline that follows a 2005400. */
  readonly course: "at-once" | "in-progress" | { readonly failsWith: string };
  readonly inquiry:
    | { readonly status: string; readonly originalCode: string | null }
    | "not-found"
    | "wrong-amount"
    | null;
  readonly notify: NotifyPlan;
};

/** Which requests a script meets; what is left out matches all. */
type ScriptMatch = {
  /** The whole path or its end. */
  readonly path?: string | undefined;
  readonly phone?: string | undefined;
  readonly reference?: string | undefined;
  readonly amount?: number | undefined;
};

/** A script as it is asked for; it is used once unless `times` says more. */
export type ScriptOrder = {
  readonly match: ScriptMatch;
  readonly outcome: string;
  readonly times?: number | undefined;
};

/** A script lying in wait. */
export type Script = {
  readonly match: ScriptMatch;
  /** As it was asked for. */
  readonly outcome: string;
  /** Meets only this service unless `match.path` says where. */
  readonly service: string;
  readonly plan: (use: number) => Plan;
  readonly times: number;
  readonly used: number;
};

/** What a request shows to be matched by. */
export type Facts = {
  readonly path: string;
  readonly service: string;
  readonly phone: string | null;
  readonly reference: string | null;
  readonly amount: number | null;
};

const PLAIN_NOTIFY: NotifyPlan = {
  timing: "after",
  lateMs: 0,
  twice: false,
  trailingStatus: null,
  badSignature: false,
  wrongAmount: false,
  forged: false,
};

/** Everything as it should be. */
export const PLAIN: Plan = {
  refusal: null,
  lost: false,
  answer: "as-made",
  slowMs: 0,
  course: "at-once",
  inquiry: null,
  notify: PLAIN_NOTIFY,
};

const TEN_MINUTES_MS = 600_000;
const PAYMENT = "54";
const INQUIRY = "55";
const LAG_STATUSES = ["01", "02", "03"] as const;

type Change = Partial<Omit<Plan, "notify">> & { readonly notify?: Partial<NotifyPlan> };
type Fault = (argument: string | null, use: number) => Change;

const FAULTS: Readonly<Record<string, Fault>> = {
  "timeout-after-commit": () => ({ answer: "silence" }),
  "timeout-before-commit": () => ({ answer: "silence", lost: true }),
  "reset-after-commit": () => ({ answer: "reset" }),
  "reset-before-commit": () => ({ answer: "reset", lost: true }),
  "500-after-commit": () => ({ answer: "general-error" }),
  "502-html-after-commit": () => ({ answer: "html" }),
  "504-after-commit": () => ({ answer: "gateway-timeout" }),
  "202": () => ({ course: "in-progress" }),
  "200-then-notify-06": (code) => ({ course: { failsWith: code ?? "4035414" } }),
  "409-replay": () => ({ answer: "replayed" }),
  "truncated-json": () => ({ answer: "truncated" }),
  "duplicate-keys": () => ({ answer: "duplicate-keys" }),
  slow: (ms) => ({ slowMs: numberOf(ms, 1000) }),
  "status-lag": (_, use) => ({
    inquiry: { status: LAG_STATUSES[Math.min(use, 2)] ?? "03", originalCode: null },
  }),
  "not-found-then-found": () => ({ inquiry: "not-found" }),
  "wrong-amount-in-status": () => ({ inquiry: "wrong-amount" }),
  "notify-early": () => ({ notify: { timing: "early" } }),
  "notify-late": (ms) => ({ notify: { timing: "late", lateMs: numberOf(ms, TEN_MINUTES_MS) } }),
  "notify-twice": () => ({ notify: { twice: true } }),
  "notify-reordered": (status) => ({ notify: { trailingStatus: status ?? "03" } }),
  "notify-never": () => ({ notify: { timing: "never" } }),
  "notify-bad-signature": () => ({ notify: { badSignature: true } }),
  "notify-wrong-amount": () => ({ notify: { wrongAmount: true } }),
  "notify-forged": () => ({ notify: { forged: true } }),
};

/** These speak about polls, so their argument is how many: `status-lag:3`. */
const POLLED = ["status-lag", "not-found-then-found"];

/**
 * Reads an outcome: a code (`4035414`, `4030715:OVO account blocked temporary`), `latestTransactionStatus:NN[:code]`,
 * or faults, several joined by `+`. Throws `InvalidError` naming `outcome`.
 */
export function parseScript(order: ScriptOrder): Script {
  const parts = order.outcome.split("+").map(parsePart);
  const polls = parts.find((part) => POLLED.includes(part.name))?.argument;
  return {
    match: order.match,
    outcome: order.outcome,
    service: parts[0]?.service ?? PAYMENT,
    plan: (use) => joinParts(parts, use),
    times: order.times ?? numberOf(polls ?? null, 1),
    used: 0,
  };
}

/** Takes the first script that fits and has uses left, and counts the use; `PLAIN` when none does. */
export function takePlan(scripts: Script[], facts: Facts): Plan {
  const index = scripts.findIndex((script) => fits(script, facts));
  const script = scripts[index];
  if (script === undefined) return PLAIN;
  if (script.used + 1 >= script.times) scripts.splice(index, 1);
  else scripts[index] = { ...script, used: script.used + 1 };
  return script.plan(script.used);
}

function joinParts(parts: readonly Part[], use: number): Plan {
  let plan = PLAIN;
  for (const part of parts) {
    const { notify, ...change } = part.fault(part.argument, use);
    plan = { ...plan, ...change, notify: { ...plan.notify, ...notify } };
  }
  return plan;
}

function fits({ match, service }: Script, facts: Facts): boolean {
  const here = match.path === undefined ? facts.service === service : facts.path.endsWith(match.path);
  return (
    here &&
    (match.phone === undefined || match.phone === facts.phone) &&
    (match.reference === undefined || match.reference === facts.reference) &&
    (match.amount === undefined || match.amount === facts.amount)
  );
}

type Part = {
  readonly name: string;
  readonly argument: string | null;
  readonly service: string;
  readonly fault: Fault;
};

function parsePart(text: string): Part {
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const argument = colon < 0 ? null : text.slice(colon + 1);
  if (/^[2-5]\d{6}$/.test(name)) {
    return { name, argument, service: name.slice(3, 5), fault: () => codeChange(name, argument) };
  }
  if (name === "latestTransactionStatus") {
    const [, status, code] = /^(\d\d)(?::(\d{7}))?$/.exec(argument ?? "") ?? [];
    if (status === undefined)
      throw new InvalidError(`outcome: ${text} needs two digits, then :code if wanted`);
    const inquiry = { status, originalCode: code ?? null };
    return { name, argument, service: INQUIRY, fault: () => ({ inquiry }) };
  }
  const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  if (fault === undefined) {
    throw new InvalidError(
      `outcome: ${text} is none of ${Object.keys(FAULTS).join(", ")}, a code of 7 digits`,
    );
  }
  if ((name === "slow" || name === "notify-late" || POLLED.includes(name)) && argument !== null) {
    if (!/^\d{1,12}$/.test(argument)) throw new InvalidError(`outcome: ${text} needs a whole number`);
  }
  return { name, argument, service: "inquiry" in fault(argument, 0) ? INQUIRY : PAYMENT, fault };
}

/** Success is the normal course and 202 of a payment or refund has one of its own; other codes are answered as they are. */
function codeChange(code: string, detail: string | null): Change {
  if (code === "2005400") return {};
  if (code === "2025400" || code === "2025800") return { course: "in-progress" };
  return { refusal: { code, detail } };
}

function numberOf(text: string | null, otherwise: number): number {
  return text === null ? otherwise : Number(text);
}
