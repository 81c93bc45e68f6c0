import { InvariantError } from "../kernel/errors.ts";
import { jakartaMonth } from "./wire-time.ts";
import type { Movement, Tier, Wallet, World } from "./world.ts";

/** The most a wallet of a tier may hold, set by the regulator; a Club wallet can never pay more at once. */
export const BALANCE_CEILING: Readonly<Record<Tier, number>> = { club: 2_000_000, premier: 20_000_000 };

/** The most that may come into a wallet of a tier in one month. */
const INCOMING_CEILING: Readonly<Record<Tier, number>> = { club: 20_000_000, premier: 40_000_000 };

/** Why a wallet cannot take `amount` more, in words, or null. */
export function refusesIncoming(world: World, wallet: Wallet, amount: number): string | null {
  const { tier } = wallet;
  if (wallet.balance + amount > BALANCE_CEILING[tier])
    return `a ${tier} wallet holds at most ${BALANCE_CEILING[tier]}`;
  const incoming = incomingOf(world, wallet.phone) + amount;
  return incoming > INCOMING_CEILING[tier]
    ? `a ${tier} wallet takes at most ${INCOMING_CEILING[tier]} a month`
    : null;
}

/** Rupiah that came into a wallet in this Jakarta month. */
export function incomingOf(world: World, phone: string): number {
  return world.incoming.get(monthKey(world, phone)) ?? 0;
}

/** Counts money that came into a wallet. */
export function countIncoming(world: World, phone: string, amount: number): void {
  world.incoming.set(monthKey(world, phone), incomingOf(world, phone) + amount);
}

function monthKey(world: World, phone: string): string {
  return `${jakartaMonth(world.clock.now())}|${phone}`;
}

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
  if (movement.amount > 0) countIncoming(world, wallet.phone, movement.amount);
  world.ledger.push({ at: world.clock.now(), ...movement, balanceAfter });
}
