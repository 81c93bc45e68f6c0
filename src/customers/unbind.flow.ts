import { openExceptions } from "../exceptions/exception.store.ts";
import type { UnbindAnswer } from "../gateway/gateway.ts";
import { AwayError, ConflictError } from "../kernel/errors.ts";
import type { BindingId, CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { rehearsing } from "../platform/rehearsal.ts";
import { bindingById, lockBinding } from "./binding.store.ts";
import { type Binding, isLive } from "./binding.ts";
import { lockCustomers } from "./customer.store.ts";
import type { CustomerTokens, TokenAnswer, TokenTools } from "./customer-token.flow.ts";
import { revokeBinding } from "./token.store.ts";

export type UnbindTools = Pick<TokenTools, "db" | "clock" | "gateway"> & {
  readonly customerToken: CustomerTokens;
  /** Lets what was collected by this wallet wait for another; runs in the transaction that ends the binding. */
  readonly onGone: (tx: Tx, customerId: CustomerId, says: string, now: Instant) => Promise<void>;
};

/**
 * Ends the link to a wallet, at the gateway first. A link that is gone already is a success, and so is a binding that
 * ended before. Throws in words when the gateway does not confirm it: then nothing changed here, and repeating is safe.
 */
export async function unbindWallet(tools: UnbindTools, id: BindingId, actor: Actor): Promise<Binding> {
  const binding = await tools.db.begin((tx) => bindingById(tx, id));
  if (!mayBeEnded(binding)) return binding;
  const gone = await endAtGateway(tools, id);
  return tools.db.begin((tx) => endHere(tools, tx, id, reasonOf(actor, gone)));
}

/** The binding as `unbindWallet` would leave it, if the gateway agreed; nobody is asked and nothing is changed. */
export async function rehearseUnbinding(tools: UnbindTools, id: BindingId, actor: Actor): Promise<Binding> {
  const binding = await tools.db.begin((tx) => bindingById(tx, id));
  if (!mayBeEnded(binding)) return binding;
  return rehearsing(tools.db).begin((tx) => endHere(tools, tx, id, reasonOf(actor, "now")));
}

/** False when it ended before; throws `ConflictError` for one that no wallet was ever linked by. */
function mayBeEnded(binding: Binding): boolean {
  if (binding.state === "revoked") return false;
  if (isLive(binding)) return true;
  throw new ConflictError(
    `this binding is ${binding.state}: no wallet is linked by it, and it ends by itself`,
  );
}

type Gone = "now" | "before";

/** A fresh token stands for the link as it is now; where none is given, the link is gone. */
async function endAtGateway(tools: UnbindTools, id: BindingId): Promise<Gone> {
  const token = await tools.customerToken(id, { force: true });
  switch (token.kind) {
    case "token":
      return readUnbinding(tools, id, await tools.gateway.unbind(token.token));
    // Our own keys were proved to work before this is said.
    case "suspended":
    case "revoked":
      return "before";
    case "away":
    case "our_mistake":
      return refuse(tools, id, token);
    default:
      return unreachable(token);
  }
}

async function readUnbinding(tools: UnbindTools, id: BindingId, answer: UnbindAnswer): Promise<Gone> {
  switch (answer.kind) {
    case "unbound":
      return answer.already ? "before" : "now";
    // Exchanged a moment ago and refused: there is nothing left to unlink.
    case "token_dead":
      return "before";
    case "refused":
      throw new ConflictError(`OVO does not unlink this wallet: ${answer.message} (${answer.code})`);
    case "away":
    case "our_mistake":
      return refuse(tools, id, answer);
    default:
      return unreachable(answer);
  }
}

type NotDone = Extract<TokenAnswer | UnbindAnswer, { kind: "away" | "our_mistake" }>;

async function refuse({ db, clock }: UnbindTools, id: BindingId, answer: NotDone): Promise<never> {
  if (answer.kind === "our_mistake") {
    const { code, message } = answer;
    const says = `The gateway refuses to unlink a wallet (${code} ${message}): check the keys and the contract with DOKU.`;
    await db.begin(async (tx) => {
      const at = await clock.now(tx);
      await openExceptions(tx, [{ kind: "gateway_refuses_us", subject: `unbind ${id}`, says, at }]);
    });
  }
  throw new AwayError("the gateway did not confirm that the wallet is unlinked; ask again in a minute", {
    code: answer.code,
  });
}

function reasonOf({ name }: Actor, gone: Gone): string {
  return gone === "now" ? `unlinked by ${name}` : `unlinked by ${name}; at OVO the link was gone already`;
}

/** Customer, binding, invoices: the order in which everybody locks them. */
async function endHere(tools: UnbindTools, tx: Tx, id: BindingId, reason: string): Promise<Binding> {
  const { customerId } = await bindingById(tx, id);
  await lockCustomers(tx, [customerId]);
  const locked = await lockBinding(tx, id);
  const now = await tools.clock.now(tx);
  await revokeBinding(tx, id, { reason, at: now });
  const says = isLive(locked) ? reason : (locked.reason ?? reason);
  await tools.onGone(tx, customerId, `the wallet was ${says}`, now);
  return bindingById(tx, id);
}
