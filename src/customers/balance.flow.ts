import type { BalanceAnswer } from "../gateway/gateway.ts";
import { AwayError, ConflictError } from "../kernel/errors.ts";
import type { BindingId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import type { CustomerTokens, TokenAnswer, TokenTools } from "./customer-token.flow.ts";

export type BalanceTools = Pick<TokenTools, "db" | "clock" | "gateway"> & {
  readonly customerToken: CustomerTokens;
};

/** What may be spent from a wallet now; throws in words when it cannot be read. For people, not for collecting. */
export async function readBalance(
  tools: BalanceTools,
  id: BindingId,
): Promise<{ readonly available: Rupiah; readonly at: Instant }> {
  let answer = await tools.gateway.balance(tokenOrThrow(await tools.customerToken(id)));
  if (answer.kind === "token_dead") {
    answer = await tools.gateway.balance(tokenOrThrow(await tools.customerToken(id, { force: true })));
  }
  const available = balanceOrThrow(answer);
  return { available, at: await tools.db.begin((tx) => tools.clock.now(tx)) };
}

function tokenOrThrow(answer: TokenAnswer): string {
  switch (answer.kind) {
    case "token":
      return answer.token;
    case "suspended":
      throw new ConflictError(
        "the wallet refused us just now: the customer may have unlinked it; ask again in 5 minutes",
      );
    case "revoked":
      throw new ConflictError("this binding is not active: the customer has to link the wallet (again)");
    case "away":
    case "our_mistake":
      throw new AwayError("the gateway did not give access to the wallet; try again later", {
        code: answer.code,
      });
    default:
      return unreachable(answer);
  }
}

function balanceOrThrow(answer: BalanceAnswer): Rupiah {
  switch (answer.kind) {
    case "balance":
      return answer.available;
    case "token_dead":
      throw new ConflictError("the wallet refuses us: the customer has probably unlinked it in the OVO app");
    case "refused":
      throw new ConflictError(`the wallet cannot be read: ${answer.message} (${answer.code})`);
    case "away":
    case "our_mistake":
      throw new AwayError("the gateway did not tell the balance; try again later", { code: answer.code });
    default:
      return unreachable(answer);
  }
}
