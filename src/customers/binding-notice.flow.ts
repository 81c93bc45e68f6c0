import type { Tx } from "../platform/database.ts";
import { type ActivateBindingTools, activateBinding } from "./activate-binding.flow.ts";
import { bindingByAuthCode, bindingByCall, failBinding, saveAuthorisation } from "./binding.store.ts";
import { type Binding, sealContext } from "./binding.ts";

/** The gateway's message about a binding, already authenticated. */
export type BindingNotice = {
  /** SUCCESS, PENDING, FAILED; anything else is taken as "not yet". */
  readonly status: string;
  readonly customerReference: string | null;
  readonly authCode: string | null;
  /** X-EXTERNAL-ID of our call that began the binding. */
  readonly originalExternalId: string | null;
};

/** `retry`: the notice is ours, but the gateway does not yet confirm it; handle it again later. */
export type NoticeHandled = { readonly kind: "handled" | "unmatched" | "retry" };

/** Acts on a binding notification; may run any number of times, in any order with others. */
export async function handleBindingNotice(
  tools: ActivateBindingTools,
  notice: BindingNotice,
): Promise<NoticeHandled> {
  const binding = await tools.db.begin((tx) => matchAndRemember(tools, tx, notice));
  if (binding === null) return { kind: "unmatched" };
  switch (notice.status.toUpperCase()) {
    case "SUCCESS": {
      const { confirmed } = await activateBinding(tools, binding.id);
      return { kind: confirmed ? "handled" : "retry" };
    }
    case "FAILED":
      await tools.db.begin(async (tx) => {
        const at = await tools.clock.now(tx);
        await failBinding(tx, binding.id, { reason: "linking failed or was canceled on OVO's page", at });
      });
      return { kind: "handled" };
    default:
      return { kind: "handled" };
  }
}

/** The notice may overtake the answer to our call; then it brings the authorisation first. */
async function matchAndRemember(
  { sealer }: ActivateBindingTools,
  tx: Tx,
  { authCode, originalExternalId: externalId, customerReference }: BindingNotice,
): Promise<Binding | null> {
  const authCodeIndex = authCode === null ? null : sealer.blindIndex(authCode);
  const known = authCodeIndex === null ? null : await bindingByAuthCode(tx, authCodeIndex);
  if (known !== null || externalId === null || customerReference === null) return known;
  const called = await bindingByCall(tx, { externalId, customerReference });
  if (called !== null && authCode !== null && authCodeIndex !== null) {
    await saveAuthorisation(tx, called.id, {
      authCode: sealer.seal(authCode, sealContext("auth_code", called.id)),
      authCodeIndex,
      redirectUrl: null,
      gatewayReference: null,
    });
  }
  return called;
}
