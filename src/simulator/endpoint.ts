import type { Answer } from "./answer.ts";
import type { FieldRule, JsonObject } from "./fields.ts";
import type { Facts, NotifyPlan, Plan } from "./script.ts";
import type { Link, Merchant, World } from "./world.ts";

/** A request as it came. Header names are lower case; `target` is the path with its query. */
export type WireRequest = {
  readonly method: string;
  readonly path: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
};

/** A request that proved who sends it. */
export type Call = {
  readonly request: WireRequest;
  readonly merchant: Merchant;
  readonly body: JsonObject;
  /** X-EXTERNAL-ID; empty on token calls, which have none. */
  readonly externalId: string;
  /** The link the customer token stands for, where one was given. */
  readonly link: Link | null;
};

/** A notification to be sent. */
export type Notice = {
  readonly kind: "payment" | "binding";
  readonly clientId: string;
  readonly reference: string;
  readonly notify: NotifyPlan;
  /** In the order they are sent; empty when only a stranger will claim something. */
  readonly messages: readonly Message[];
  /** What a stranger would claim. */
  readonly claim: Message;
};

/** One message of a notice, with the status its body carries. */
export type Message = { readonly status: string; readonly body: JsonObject };

/** What an endpoint did: its answer, and whom it tells. */
export type Outcome = {
  readonly answer: Answer;
  readonly notices: readonly Notice[];
  /** Happens once the answer has left. */
  readonly afterwards?: () => void;
};

/** One of DOKU's systems: what it demands and what it does. */
export type Endpoint = {
  readonly path: string;
  readonly service: string;
  /** Token calls are signed with RSA, all others with the secret and a token. */
  readonly door: "token" | "call";
  readonly needsCustomer: (body: JsonObject) => boolean;
  readonly fields: readonly FieldRule[];
  /** What a script may match; the rest is filled in by the caller. */
  readonly facts: (world: World, call: Call) => Pick<Facts, "phone" | "reference" | "amount">;
  readonly run: (world: World, call: Call, plan: Plan) => Outcome;
  /** What a scripted refusal leaves behind. */
  readonly refused?: (world: World, call: Call, plan: Plan & { readonly code: string }) => readonly Notice[];
};

/** An outcome nobody is told about. */
export function justAnswer(answer: Answer): Outcome {
  return { answer, notices: [] };
}

/** Asks no request for a customer token. */
export const nobody = (): boolean => false;
/** Asks every request for a customer token. */
export const everybody = (): boolean => true;
