import { InvariantError } from "../kernel/errors.ts";
import type { Movement, Tier, Wallet, World } from "./world.ts";

/** The most a wallet of a tier may hold, set by the regulator; a Club wallet can never pay more at once. */
export const BALANCE_CEILING: Readonly<Record<Tier, number>> = { club: 2_000_000, premier: 20_000_000 };

/** The code with which a wallet refuses to pay, or null. */
export function declineOf(wallet: Wallet | undefined, amount: number): string | null {
  if (wallet === undefined || wallet.closed) return "4045411";
  if (wallet.blocked) return "4035407";
  if (amount > BALANCE_CEILING[wallet.tier]) return "4035402";
  return amount > wallet.balance ? "4035414" : null;
}

/** Changes a balance and writes the ledger line, in one step nobody can come between. */
export function moveMoney(world: World, movement: Omit<Movement, "at" | "balanceAfter">): void {
  const wallet = world.wallets.get(movement.phone);
  if (wallet === undefined)
    throw new InvariantError("money moved for a wallet that is not there", { ...movement });
  const balanceAfter = wallet.balance + movement.amount;
  world.wallets.set(wallet.phone, { ...wallet, balance: balanceAfter });
  world.ledger.push({ at: world.clock.now(), ...movement, balanceAfter });
}
