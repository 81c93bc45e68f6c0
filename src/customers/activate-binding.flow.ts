import type { Gateway } from "../gateway/gateway.ts";
import type { BindingId, CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import { brokenConstraint, type Database, type Tx } from "../platform/database.ts";
import type { Sealer } from "../platform/secrets.ts";
import { bindingById, failBinding, lockBinding } from "./binding.store.ts";
import { type Binding, type BindingState, isFinishable, sealContext } from "./binding.ts";
import { lockCustomers } from "./customer.store.ts";
import { sealToken } from "./seal-token.ts";
import { activateWithToken, type SealedToken } from "./token.store.ts";

export type ActivateBindingTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly gateway: Gateway;
  /** The wire's time, by which tokens live: real, except against our own simulator. */
  readonly wireNow: () => Instant;
  /** Starts what waited for this customer's wallet; runs in the transaction that makes the binding active. */
  readonly onActive: (tx: Tx, customerId: CustomerId, now: Instant) => Promise<void>;
};

/** What each unique index means to the people involved. */
const RIVALS: Readonly<Record<string, string>> = {
  bindings_one_live_per_phone:
    "another customer of yours has linked this OVO wallet; one wallet pays for one",
  bindings_one_live_per_customer: "the customer has linked another wallet meanwhile",
};

/** `confirmed` is false when the gateway could not (yet) say that linking is finished. */
export type Activation = { readonly state: BindingState; readonly confirmed: boolean };

/**
 * Asks the gateway whether linking is finished, and if it is, makes the binding active: only a customer token
 * proves it, never a browser or a notification. May run any number of times; a binding that cannot be finished
 * (any more) is answered as it is.
 */
export async function activateBinding(tools: ActivateBindingTools, id: BindingId): Promise<Activation> {
  const { db, sealer, gateway } = tools;
  const binding = await db.begin((tx) => bindingById(tx, id));
  if (!isFinishable(binding)) return { state: binding.state, confirmed: true };
  if (binding.authCode === null) return { state: binding.state, confirmed: false };
  const authCode = sealer.open(binding.authCode, sealContext("auth_code", id));
  const answer = await gateway.exchange({ authCode });
  if (answer.kind !== "token") return { state: binding.state, confirmed: false };
  const token = sealToken(sealer, id, answer, tools.wireNow());
  return { state: await activateOrFail(tools, binding, token), confirmed: true };
}

async function activateOrFail(
  tools: ActivateBindingTools,
  binding: Binding,
  token: SealedToken,
): Promise<BindingState> {
  try {
    return await tools.db.begin((tx) => makeActive(tools, tx, binding, token));
  } catch (error) {
    const reason = RIVALS[brokenConstraint(error) ?? ""];
    if (reason === undefined) throw error;
    return tools.db.begin(async (tx) => {
      await failBinding(tx, binding.id, { reason, at: await tools.clock.now(tx) });
      return (await bindingById(tx, binding.id)).state;
    });
  }
}

async function makeActive(
  tools: ActivateBindingTools,
  tx: Tx,
  { id, customerId }: Binding,
  token: SealedToken,
): Promise<BindingState> {
  await lockCustomers(tx, [customerId]);
  const locked = await lockBinding(tx, id);
  if (!isFinishable(locked)) return locked.state;
  const now = await tools.clock.now(tx);
  await activateWithToken(tx, id, token, now);
  await tools.onActive(tx, customerId, now);
  return "active";
}
