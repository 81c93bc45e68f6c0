import { openExceptions } from "../exceptions/exception.store.ts";
import type { BindingAnswer, BindingOrder, Gateway } from "../gateway/gateway.ts";
import { AwayError, ConflictError, InvalidError } from "../kernel/errors.ts";
import type { BindingId } from "../kernel/ids.ts";
import { unreachable } from "../kernel/unreachable.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import { rehearse } from "../platform/rehearsal.ts";
import type { Sealer } from "../platform/secrets.ts";
import {
  bindingById,
  failBinding,
  insertPendingBinding,
  liveBindingOf,
  saveAuthorisation,
  supersedePendingBindings,
} from "./binding.store.ts";
import { type Binding, sealContext } from "./binding.ts";
import { customerByReference, lockCustomers } from "./customer.store.ts";
import { isErased, phoneContext } from "./customer.ts";

export type StartBindingTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly gateway: Gateway;
};

/** The gateway's page lives 15 minutes or so; its notification may come a little later. */
const LINKING_TIME = { minutes: 30 };

export type NewBinding = {
  readonly customerReference: string;
  readonly successUrl: string;
  readonly failedUrl: string;
};

/**
 * Begins to link the customer's wallet and answers where to send the browser. Ends an earlier, unfinished beginning
 * of the same customer. Throws `ConflictError` or `InvalidError` when the wallet is refused, `AwayError` when the
 * gateway does not answer; then the binding is over and linking is simply started again.
 */
export async function startBinding(tools: StartBindingTools, given: NewBinding): Promise<Binding> {
  const { id, order } = await writeIntent(tools, given);
  const answer = await tools.gateway.startBinding(order);
  if (answer.kind !== "started") return refuse(tools, id, answer);
  const { authCode, redirectUrl, gatewayReference } = answer;
  return tools.db.begin(async (tx) => {
    await saveAuthorisation(tx, id, {
      authCode: tools.sealer.seal(authCode, sealContext("auth_code", id)),
      authCodeIndex: tools.sealer.blindIndex(authCode),
      redirectUrl,
      gatewayReference,
    });
    return bindingById(tx, id);
  });
}

/** The binding as `startBinding` would begin it; the gateway is not asked, so there is no page to send anybody to. */
export async function rehearseBinding(tools: StartBindingTools, given: NewBinding): Promise<Binding> {
  return rehearse(tools.db, async (db) => {
    const { id } = await writeIntent({ ...tools, db }, given);
    return db.begin((tx) => bindingById(tx, id));
  });
}

/** Committed before anything is sent, so that a notification that overtakes our answer finds its row. */
async function writeIntent(
  { db, clock, sealer, gateway }: StartBindingTools,
  { customerReference, successUrl, failedUrl }: NewBinding,
): Promise<{ readonly id: BindingId; readonly order: BindingOrder }> {
  const id = randomUuid() as BindingId;
  return db.begin(async (tx) => {
    const customer = await customerByReference(tx, customerReference);
    await lockCustomers(tx, [customer.id]);
    if (isErased(await customerByReference(tx, customerReference)))
      throw new ConflictError(`customer ${customerReference} was erased: make a new one`);
    if ((await liveBindingOf(tx, customer.id)) !== null) {
      throw new ConflictError(`customer ${customerReference} has linked a wallet already; unbind it first`);
    }
    const now = await clock.now(tx);
    await supersedePendingBindings(tx, customer.id, now);
    const externalId = gateway.newExternalId();
    await insertPendingBinding(tx, {
      id,
      customerId: customer.id,
      phoneIndex: customer.phoneIndex,
      externalId,
      successUrl,
      failedUrl,
      createdAt: now,
      expiresAt: now.plus(LINKING_TIME),
    });
    const order = {
      phone: sealer.open(customer.phone, phoneContext(customer.id)),
      customerReference,
      customerName: customer.name,
      email: customer.email,
      successUrl,
      failedUrl,
      externalId,
    };
    return { id, order };
  });
}

type NotStarted = Exclude<BindingAnswer, { kind: "started" }>;

/** Ends the binding with the reason, then throws it. */
async function refuse(tools: StartBindingTools, id: BindingId, answer: NotStarted): Promise<never> {
  const error = refusalOf(answer, id);
  await tools.db.begin(async (tx) => {
    const at = await tools.clock.now(tx);
    await failBinding(tx, id, { reason: error.message, at });
    if (answer.kind !== "our_mistake") return;
    const { code, message } = answer;
    const says =
      `The gateway refuses our request to link a wallet (${code} ${message}): ` +
      "check the client id, the keys and the contract with DOKU.";
    await openExceptions(tx, [
      { kind: "gateway_refuses_us", subject: `binding ${id}`, says, facts: { code, message }, at },
    ]);
  });
  throw error;
}

function refusalOf(answer: NotStarted, id: BindingId): ConflictError | InvalidError | AwayError {
  switch (answer.kind) {
    case "refused":
      return walletRefusal(answer, id);
    case "away":
      return new AwayError("the gateway did not answer; start linking again", {
        binding: id,
        code: answer.code,
      });
    case "our_mistake":
      return new AwayError(
        "linking wallets is not possible at the moment: the gateway refuses our requests",
        {
          binding: id,
          code: answer.code,
        },
      );
    default:
      return unreachable(answer);
  }
}

function walletRefusal(
  { reason, code, message }: Extract<BindingAnswer, { kind: "refused" }>,
  id: BindingId,
): ConflictError | InvalidError {
  const details = { binding: id, reason, code };
  switch (reason) {
    case "taken_by_other":
      return new ConflictError(
        "this OVO wallet is linked to another customer of yours; one wallet pays for one",
        details,
      );
    case "already_registered":
      return new ConflictError("this OVO wallet is linked already; unbind it first", details);
    case "blocked_for_now":
      return new ConflictError("OVO has blocked this wallet for the moment; try again in a day", details);
    case "no_account":
      return new InvalidError(
        "phone: this number has no OVO account; the customer must register with OVO first",
        {
          ...details,
          field: "phone",
        },
      );
    case "other":
      return new ConflictError(`OVO refuses to link this wallet: ${message} (${code})`, details);
    default:
      return unreachable(reason);
  }
}
