import { randomDigits, randomHex } from "../platform/random.ts";
import { linkOfToken } from "./admission.ts";
import { type Answer, answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, justAnswer, type Message, nobody, type Outcome } from "./endpoint.ts";
import { CHANNEL, textAt, textUpTo, WEB_ADDRESS } from "./fields.ts";
import { emit } from "./notifier.ts";
import type { Plan } from "./script.ts";
import { type Link, ofMerchant, type World } from "./world.ts";

/** How an OTP and PIN page can end. */
export const LINK_RESULTS = ["success", "failed", "expired"] as const;
/** One of `LINK_RESULTS`. */
export type LinkResult = (typeof LINK_RESULTS)[number];

const PAGE_LIFETIME_MS = 15 * 60_000;
/** What a wallet holds when the simulator was told to make unknown ones. */
const NEW_WALLET_BALANCE = 1_000_000;

/** Account Binding (service 07): opens the OTP and PIN page. */
export const bindingEndpoint: Endpoint = {
  path: "/direct-debit/core/v1/registration-account-binding",
  service: "07",
  door: "call",
  needsCustomer: nobody,
  fields: [
    { at: "phoneNo", required: true, form: /^\d{9,16}$/ },
    { at: "additionalInfo.channel", required: true, form: CHANNEL },
    { at: "additionalInfo.custIdMerchant", required: true, form: textUpTo(64) },
    { at: "additionalInfo.customerName", required: false, form: textUpTo(70) },
    // DOKU's Java library stops at 64, its Node library at 256.
    { at: "additionalInfo.email", required: false, form: textUpTo(256) },
    { at: "additionalInfo.idCard", required: false, form: textUpTo(20) },
    { at: "additionalInfo.country", required: false, form: textUpTo(60) },
    { at: "additionalInfo.address", required: false, form: textUpTo(255) },
    { at: "additionalInfo.dateOfBirth", required: false, form: textUpTo(64) },
    { at: "additionalInfo.successRegistrationUrl", required: true, form: WEB_ADDRESS },
    { at: "additionalInfo.failedRegistrationUrl", required: true, form: WEB_ADDRESS },
  ],
  facts: (_, call) => ({ phone: textAt(call.body, "phoneNo"), reference: null, amount: null }),
  run: startLink,
};

/** Account Unbinding (service 09). */
export const unbindingEndpoint: Endpoint = {
  path: "/direct-debit/core/v1/registration-account-unbinding",
  service: "09",
  door: "call",
  needsCustomer: nobody,
  fields: [
    { at: "tokenId", required: true, form: textUpTo(2048) },
    { at: "additionalInfo.channel", required: true, form: CHANNEL },
  ],
  facts: (world, call) => ({ phone: unbindLink(world, call)?.phone ?? null, reference: null, amount: null }),
  run: (world, call) => {
    const link = unbindLink(world, call);
    if (link === null) return justAnswer(answerWith("4010902"));
    endLink(world, link, "unbound");
    return justAnswer(answerWith("2000900", { referenceNo: randomHex(10) }));
  },
};

/** Ends the OTP and PIN of a link, once. Success and failure are notified; an expired page tells nobody. */
export function finishLink(world: World, link: Link, result: LinkResult): void {
  if (world.links.get(link.authCode)?.state !== "pending") return;
  link.cancelExpiry();
  if (world.pendingByPhone.get(link.phone) === link.authCode) world.pendingByPhone.delete(link.phone);
  if (result === "expired") {
    keep(world, { ...link, state: "expired" });
    return;
  }
  // Two pages may be open for one wallet or customer; only one of them can end in a link.
  const linked = result === "success" && registered(world, link) === null;
  keep(world, { ...link, state: linked ? "active" : "failed" });
  if (linked) {
    world.activeByWallet.set(ofMerchant(link.clientId, link.phone), link.authCode);
    world.activeByCustomer.set(ofMerchant(link.clientId, link.customer), link.authCode);
  }
  const message = bindingMessage(link, linked ? "SUCCESS" : "FAILED");
  const { clientId, authCode, plan } = link;
  const claim = bindingMessage(link, "SUCCESS");
  void emit(world, {
    kind: "binding",
    clientId,
    reference: authCode,
    notify: plan.notify,
    messages: [message],
    claim,
  });
}

/** The customer removes the links of a wallet inside the OVO app; DOKU tells nobody. How many there were. */
export function unlinkFromApp(world: World, phone: string): number {
  const links = activeLinksOf(world, phone);
  for (const link of links) endLink(world, link, "unlinked");
  return links.length;
}

/** The links of a wallet, at most one a merchant. */
export function activeLinksOf(world: World, phone: string): Link[] {
  return [...world.merchants.keys()]
    .map((clientId) => world.activeByWallet.get(ofMerchant(clientId, phone)))
    .flatMap((authCode) => world.links.get(authCode ?? "") ?? []);
}

function startLink(world: World, call: Call, plan: Plan): Outcome {
  const link = pendingLink(world, call, plan);
  const refusal = refusalOf(world, link);
  if (refusal !== null) return justAnswer(refusal);
  const older = world.links.get(world.pendingByPhone.get(link.phone) ?? "");
  if (older?.clientId === link.clientId) finishLink(world, older, "expired");
  keep(world, link);
  world.pendingByPhone.set(link.phone, link.authCode);
  world.pages.set(link.pageId, { kind: "link", key: link.authCode });
  const answer = answerWith("2000700", {
    referenceNo: randomDigits(12),
    redirectUrl: `${world.address.url}/bind/${link.pageId}`,
    additionalInfo: { custIdMerchant: link.customer, accountStatus: "PENDING", authCode: link.authCode },
  });
  if (!world.settings.autoLink) return justAnswer(answer);
  return { answer, notices: [], afterwards: () => finishLink(world, link, "success") };
}

function pendingLink(world: World, call: Call, plan: Plan): Link {
  const text = (at: string) => textAt(call.body, at) ?? "";
  const authCode = randomHex(24);
  const expiresAt = world.clock.now() + PAGE_LIFETIME_MS;
  return {
    authCode,
    clientId: call.merchant.clientId,
    phone: text("phoneNo"),
    customer: text("additionalInfo.custIdMerchant"),
    externalId: call.externalId,
    pageId: randomDigits(40),
    successUrl: text("additionalInfo.successRegistrationUrl"),
    failedUrl: text("additionalInfo.failedRegistrationUrl"),
    state: "pending",
    plan,
    cancelExpiry: world.clock.schedule(expiresAt, async () => {
      const link = world.links.get(authCode);
      if (link !== undefined) finishLink(world, link, "expired");
    }),
  };
}

function refusalOf(world: World, link: Link): Answer | null {
  const wallet = world.wallets.get(link.phone);
  if (wallet === undefined && world.settings.autoWallets) {
    const { phone } = link;
    world.wallets.set(phone, {
      phone,
      balance: NEW_WALLET_BALANCE,
      tier: "premier",
      blocked: false,
      closed: false,
    });
  } else if (wallet === undefined || wallet.closed) {
    return refuse("4030715", "OVO account not available please register to ovo");
  } else if (wallet.blocked) {
    return refuse("4030715", "OVO account blocked temporary");
  }
  return registered(world, link);
}

/** One wallet, one customer, at one merchant: in both directions. */
function registered(world: World, link: Link): Answer | null {
  const holder = world.links.get(world.activeByWallet.get(ofMerchant(link.clientId, link.phone)) ?? "");
  if (holder !== undefined && holder.customer !== link.customer) {
    return refuse("4030715", "OVO account already registered by another customer");
  }
  const taken = holder !== undefined || world.activeByCustomer.has(ofMerchant(link.clientId, link.customer));
  return taken ? refuse("4030715", "Account Already Registered") : null;
}

function unbindLink(world: World, call: Call): Link | null {
  return linkOfToken(world, call.merchant, textAt(call.body, "tokenId") ?? "");
}

function endLink(world: World, link: Link, state: "unlinked" | "unbound"): void {
  keep(world, { ...link, state });
  world.activeByWallet.delete(ofMerchant(link.clientId, link.phone));
  world.activeByCustomer.delete(ofMerchant(link.clientId, link.customer));
}

function keep(world: World, link: Link): void {
  world.links.set(link.authCode, link);
}

function bindingMessage(link: Link, status: string): Message {
  const additionalInfo = { status, custIdMerchant: link.customer, authCode: link.authCode };
  return { status, body: { originalExternalId: link.externalId, additionalInfo } };
}
