import { createPublicKey } from "node:crypto";
import { DateTime, Duration } from "luxon";
import { ConflictError, InvalidError, NotFoundError } from "../kernel/errors.ts";
import { finishLink, type LinkResult, unlinkFromApp } from "./linking.ts";
import { parseScript, type ScriptOrder } from "./script.ts";
import { BALANCE_CEILING, countIncoming, refusesIncoming } from "./wallet.ts";
import type { Tier, Wallet, World } from "./world.ts";

/** A merchant as DOKU's back office knows it. `publicKeyPem` is the key it signs token calls with. */
export type MerchantOrder = {
  readonly clientId: string;
  readonly secretKey: string;
  readonly publicKeyPem: string;
  readonly tokenUrl: string;
  readonly notifyUrl: string;
  readonly bindingNotifyUrl: string;
};

/** Whole rupiah; `premier` unless said. */
export type WalletOrder = {
  readonly phone: string;
  readonly balance: number;
  readonly tier?: Tier | undefined;
  readonly blocked?: boolean | undefined;
};

/** What may be changed of a wallet; `add` tops it up, which its tier limits by the month. */
export type WalletChange = {
  readonly balance?: number | undefined;
  readonly add?: number | undefined;
  readonly tier?: Tier | undefined;
  readonly blocked?: boolean | undefined;
  readonly closed?: boolean | undefined;
};

/** False: not there. */
export type SwitchOrder = { readonly gateway?: boolean | undefined; readonly merchant?: boolean | undefined };

const SHORT_DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Registers a merchant, or replaces it. Throws `InvalidError` naming the field. */
export function addMerchant(world: World, order: MerchantOrder): void {
  const { publicKeyPem, ...merchant } = order;
  const urls = {
    token_url: order.tokenUrl,
    notify_url: order.notifyUrl,
    binding_notify_url: order.bindingNotifyUrl,
  };
  for (const [field, url] of Object.entries(urls)) {
    if (!/^https?:\/\/\S+$/.test(url) || !URL.canParse(url))
      throw new InvalidError(`${field}: not a web address`);
  }
  world.merchants.set(order.clientId, { ...merchant, publicKey: readPublicKey(publicKeyPem) });
  world.merchantTokens.delete(order.clientId);
}

/** Opens a wallet, or replaces it. Throws `InvalidError` on what OVO would never hold. */
export function addWallet(world: World, order: WalletOrder): Wallet {
  if (!/^\d{9,16}$/.test(order.phone)) throw new InvalidError("phone: 9 to 16 digits, country code first");
  return keepWallet(world, {
    phone: order.phone,
    balance: order.balance,
    tier: order.tier ?? "premier",
    blocked: order.blocked ?? false,
    closed: false,
  });
}

/** Changes a wallet. Throws `NotFoundError` when nobody opened it. */
export function changeWallet(world: World, phone: string, change: WalletChange): Wallet {
  const wallet = walletOf(world, phone);
  const { add = 0 } = change;
  const before = {
    phone,
    balance: change.balance ?? wallet.balance,
    tier: change.tier ?? wallet.tier,
    blocked: change.blocked ?? wallet.blocked,
    closed: change.closed ?? wallet.closed,
  };
  const refusal = add > 0 ? refusesIncoming(world, before, add) : null;
  if (refusal !== null) throw new InvalidError(`add: ${refusal}`);
  const kept = keepWallet(world, { ...before, balance: before.balance + add });
  if (add > 0) countIncoming(world, phone, add);
  return kept;
}

/** The customer unlinks inside the OVO app. Throws `ConflictError` when nothing was linked. */
export function unlink(world: World, phone: string): void {
  walletOf(world, phone);
  if (unlinkFromApp(world, phone) === 0) throw new ConflictError(`phone: ${phone} has no active link`);
}

/** Finishes the newest open OTP and PIN page of a phone. Throws `ConflictError` when none is open. */
export function endLinkPage(world: World, phone: string, result: LinkResult): void {
  const link = world.links.get(world.pendingByPhone.get(phone) ?? "");
  if (link?.state !== "pending") throw new ConflictError(`phone: ${phone} has no open page`);
  finishLink(world, link, result);
}

/** Switches the gateway or the merchant's endpoint off and on again; what is left out stays as it is. */
export function flipSwitches(world: World, to: SwitchOrder): void {
  world.switches.gateway = to.gateway ?? world.switches.gateway;
  world.switches.merchant = to.merchant ?? world.switches.merchant;
}

/** Lays a script in wait; scripts are used in the order they came. Throws `InvalidError`. */
export function addScript(world: World, order: ScriptOrder): void {
  world.scripts.push(parseScript(order));
}

/** The moment `duration` from now: `30m`, `6h`, or ISO-8601 (`P1M`). Throws `InvalidError`. */
export function momentAfter(world: World, duration: string): number {
  const now = world.clock.now();
  const [, count, unit] = SHORT_DURATION.exec(duration) ?? [];
  if (count !== undefined && unit !== undefined) return now + Number(count) * (UNIT_MS[unit] ?? 0);
  const span = Duration.fromISO(duration);
  if (!span.isValid) throw new InvalidError(`advance: ${duration} is no duration such as 30m, 6h or P1D`);
  return DateTime.fromMillis(now, { zone: "UTC+7" }).plus(span).toMillis();
}

function walletOf(world: World, phone: string): Wallet {
  const wallet = world.wallets.get(phone);
  if (wallet === undefined) throw new NotFoundError(`phone: no wallet ${phone}`);
  return wallet;
}

function keepWallet(world: World, wallet: Wallet): Wallet {
  const ceiling = BALANCE_CEILING[wallet.tier];
  if (!Number.isSafeInteger(wallet.balance) || wallet.balance < 0 || wallet.balance > ceiling) {
    throw new InvalidError(`balance: whole rupiah from 0 to ${ceiling} for a ${wallet.tier} wallet`);
  }
  world.wallets.set(wallet.phone, wallet);
  return wallet;
}

function readPublicKey(pem: string) {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new InvalidError("public_key: not a PEM public key", {}, { cause });
  }
}
