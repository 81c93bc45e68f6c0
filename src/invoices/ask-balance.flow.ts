import { revokeBinding } from "../customers/token.store.ts";
import type { BalanceAnswer } from "../gateway/gateway.ts";
import type { Rupiah } from "../kernel/money.ts";
import { unreachable } from "../kernel/unreachable.ts";
import type { CheckOutcome } from "./after-check.ts";
import type { CollectTools } from "./collect-tools.ts";
import type { Facts } from "./facts.ts";

/** A customer token to charge with and what was read with it, or the outcome that ends the step; with the calls made. */
export type Asked =
  | {
      readonly kind: "token";
      readonly customerToken: string;
      readonly balance:
        | { readonly kind: "balance"; readonly available: Rupiah }
        | { readonly kind: "unasked" }
        | { readonly kind: "away"; readonly code: string; readonly sent: boolean };
      readonly calls: number;
      readonly bad: number;
    }
  | {
      readonly kind: "ended";
      readonly outcome: CheckOutcome;
      readonly calls: number;
      /** Those of the calls that never left or got no usable answer. */
      readonly bad: number;
    };

/** Gets the customer's token and, if `wanted`, the balance. A token that the wallet refuses is exchanged once more. */
export async function askBalance(tools: CollectTools, facts: Facts, wanted: boolean): Promise<Asked> {
  const { binding } = facts;
  if (binding === null)
    return { kind: "ended", outcome: { kind: "overtaken", says: "the binding is gone" }, calls: 0, bad: 0 };
  const first = await askWithToken(tools, binding.id, { force: binding.state === "suspended", wanted });
  if (first.kind !== "stale") return first;
  const second = await askWithToken(tools, binding.id, { force: true, wanted });
  if (second.kind !== "stale") return { ...second, calls: first.calls + second.calls };
  // A token exchanged this very moment and still refused: the wallet's consent is gone.
  await tools.db.begin(async (tx) => {
    const at = await tools.clock.now(tx);
    await revokeBinding(tx, binding.id, { reason: `the wallet refuses a fresh token (${second.code})`, at });
  });
  return { kind: "ended", outcome: { kind: "revoked" }, calls: first.calls + second.calls, bad: 0 };
}

type Stale = { readonly kind: "stale"; readonly code: string; readonly calls: number };

async function askWithToken(
  tools: CollectTools,
  bindingId: NonNullable<Facts["binding"]>["id"],
  { force, wanted }: { readonly force: boolean; readonly wanted: boolean },
): Promise<Asked | Stale> {
  const token = await tools.tokens(bindingId, { force });
  switch (token.kind) {
    case "suspended":
    case "revoked":
      return { kind: "ended", outcome: { kind: token.kind }, calls: 1, bad: 0 };
    case "away":
      return { kind: "ended", outcome: { kind: "away", code: token.code, sent: false }, calls: 1, bad: 1 };
    case "our_mistake":
      return { kind: "ended", outcome: token, calls: 1, bad: 0 };
    case "token": {
      const calls = token.fresh ? 2 : 1;
      if (!wanted)
        return {
          kind: "token",
          customerToken: token.token,
          balance: { kind: "unasked" },
          calls: calls - 1,
          bad: 0,
        };
      return read(await tools.gateway.balance(token.token), token.token, calls);
    }
    default:
      return unreachable(token);
  }
}

function read(answer: BalanceAnswer, customerToken: string, calls: number): Asked | Stale {
  switch (answer.kind) {
    case "balance":
      return { kind: "token", customerToken, balance: answer, calls, bad: 0 };
    case "away":
      if (answer.sent) return { kind: "token", customerToken, balance: answer, calls, bad: 1 };
      return { kind: "ended", outcome: answer, calls, bad: 1 };
    case "token_dead":
      return { kind: "stale", code: answer.code, calls };
    case "refused": {
      const { declineClass, code } = answer;
      return { kind: "ended", outcome: { kind: "wallet_refused", declineClass, code }, calls, bad: 0 };
    }
    case "our_mistake":
      return { kind: "ended", outcome: answer, calls, bad: 0 };
    default:
      return unreachable(answer);
  }
}
