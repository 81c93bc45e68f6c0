import { randomDigits, randomHex } from "../platform/random.ts";
import { answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, justAnswer, type Notice, type Outcome } from "./endpoint.ts";
import {
  CHANNEL,
  CURRENCY,
  MONEY,
  money,
  moneyOf,
  rupiahOf,
  textAt,
  textUpTo,
  WEB_ADDRESS,
} from "./fields.ts";
import { emit } from "./notifier.ts";
import type { Plan } from "./script.ts";
import { declineOf, moveMoney } from "./wallet.ts";
import { ofMerchant, type Payment, type World } from "./world.ts";

/** What a person can do on the page of a SALE. */
export const PAGE_ACTIONS = ["confirm", "cancel", "expire"] as const;
/** One of `PAGE_ACTIONS`. */
type PageAction = (typeof PAGE_ACTIONS)[number];

const PAGE_LIFETIME_MS = 30 * 60_000;
/** How long a payment answered with 2025400 stays in progress. */
const SETTLES_AFTER_MS = 60_000;
/** Codes that are about the request or an earlier one, not a decline of this payment: they leave no record. */
const NOT_A_DECLINE = /^404\d\d(00|01|10|14|18)$/;

/** Payment host-to-host (service 54): RECURRING takes money at once, SALE opens a page. */
export const paymentEndpoint: Endpoint = {
  path: "/direct-debit/core/v1/debit/payment-host-to-host",
  service: "54",
  door: "call",
  // A pay link is for customers who never linked a wallet.
  needsCustomer: (body) => textAt(body, "additionalInfo.paymentType") !== "SALE",
  fields: [
    { at: "partnerReferenceNo", required: true, form: /^[A-Za-z0-9-]{1,64}$/ },
    ...money("amount"),
    { at: "feeType", required: false, form: /^(OUR|BEN|SHA)$/ },
    // DOKU's page of OVO makes an entry mandatory; its libraries do not, and send an empty list.
    ...[
      { at: "payOptionDetails.0.payMethod", required: true, form: /^(CASH|POINTS)$/ },
      ...money("payOptionDetails.0.transAmount"),
      { at: "payOptionDetails.0.feeAmount.value", required: true, form: MONEY },
      { at: "payOptionDetails.0.feeAmount.currency", required: true, form: CURRENCY },
    ].map((rule) => ({ ...rule, within: "payOptionDetails.0" })),
    { at: "additionalInfo.channel", required: true, form: CHANNEL },
    { at: "additionalInfo.paymentType", required: true, form: /^(RECURRING|SALE)$/ },
    { at: "additionalInfo.successPaymentUrl", required: true, form: WEB_ADDRESS },
    { at: "additionalInfo.failedPaymentUrl", required: true, form: WEB_ADDRESS },
    { at: "additionalInfo.remarks", required: false, form: textUpTo(40) },
  ],
  facts: (_, call) => ({
    phone: call.link?.phone ?? null,
    reference: textAt(call.body, "partnerReferenceNo"),
    amount: rupiahOf(textAt(call.body, "amount.value")),
  }),
  run: pay,
  refused: leaveDecline,
};

/** The payment of a merchant under its reference. */
export function findPayment(world: World, clientId: string, reference: string): Payment | undefined {
  return world.payments.get(ofMerchant(clientId, reference));
}

/** Puts a payment in the place of its earlier self. */
export function keepPayment(world: World, payment: Payment): void {
  const key = ofMerchant(payment.clientId, payment.reference);
  world.payments.set(key, payment);
  world.paymentNumbers.set(ofMerchant(payment.clientId, payment.referenceNo), key);
}

/** What a person does on the page of a SALE; `phone` says whose wallet pays when no link said so. */
export function finishPage(
  world: World,
  payment: Payment,
  action: PageAction,
  phone: string | null,
): Payment {
  if (payment.status !== "01") return payment;
  payment.cancelExpiry();
  if (action === "cancel") return conclude(world, { ...payment, status: "05", code: "4045404" });
  if (action === "expire") return expire(world, payment);
  return conclude(world, settle(world, { ...payment, phone: payment.phone ?? phone }));
}

function pay(world: World, call: Call, plan: Plan): Outcome {
  const payment = newPayment(call, plan);
  const isUsed = findPayment(world, payment.clientId, payment.reference) !== undefined;
  if (isUsed && world.settings.acceptsTwice !== true) {
    return justAnswer(answerWith("4095401"));
  }
  if (payment.amount === 0) return justAnswer(answerWith("4045413"));
  const option = textAt(call.body, "payOptionDetails.0.transAmount.value");
  if (option !== null && rupiahOf(option) !== payment.amount) {
    return justAnswer(refuse("4005401", "payOptionDetails.transAmount"));
  }
  if (payment.paymentType === "SALE") return openPage(world, payment);
  if (plan.course === "in-progress") return takeLater(world, payment);
  const settled = settle(world, payment);
  keepPayment(world, settled);
  const { referenceNo } = settled;
  // A course that fails later is the acquirer's refusal: the gateway had already said 2005400.
  const accepted =
    settled.status === "00" || (plan.course !== "at-once" && settled.code === plan.course.failsWith);
  const notices = accepted || plan.notify.forged ? [noticeOf(settled, accepted)] : [];
  const answer = accepted
    ? answerWith("2005400", { referenceNo })
    : answerWith(settled.code, { referenceNo: "" });
  return { answer, notices };
}

/** Takes the money, or marks why not. The only place where a wallet pays. */
function settle(world: World, payment: Payment): Payment {
  const { course } = payment.plan;
  const decline = declineOf(world.wallets.get(payment.phone ?? ""), payment.amount);
  const failsWith = typeof course === "object" ? course.failsWith : null;
  const code = decline ?? failsWith;
  if (code !== null || payment.phone === null) return { ...payment, status: "06", code: code ?? "4045411" };
  moveMoney(world, {
    phone: payment.phone,
    reference: payment.reference,
    kind: "payment",
    amount: -payment.amount,
  });
  return { ...payment, status: "00", code: "2005400", paidAt: world.clock.now() };
}

function takeLater(world: World, payment: Payment): Outcome {
  keepPayment(world, { ...payment, status: "03", code: "2025400" });
  world.clock.schedule(world.clock.now() + SETTLES_AFTER_MS, async () => {
    conclude(world, settle(world, payment));
  });
  return justAnswer(answerWith("2025400", { referenceNo: payment.referenceNo }));
}

function openPage(world: World, payment: Payment): Outcome {
  const pageId = randomDigits(40);
  const { clientId, reference, referenceNo } = payment;
  const cancelExpiry = world.clock.schedule(world.clock.now() + PAGE_LIFETIME_MS, async () => {
    const open = findPayment(world, clientId, reference);
    if (open?.status === "01") expire(world, open);
  });
  keepPayment(world, { ...payment, status: "01", pageId, cancelExpiry });
  world.pages.set(pageId, { kind: "payment", key: ofMerchant(clientId, reference) });
  const webRedirectUrl = `${world.address.url}/pay/${pageId}`;
  return justAnswer(answerWith("2005400", { referenceNo, webRedirectUrl }));
}

/** Nobody is told about a page that ran out: the merchant has to ask. */
function expire(world: World, payment: Payment): Payment {
  const expired = { ...payment, status: "06", code: "4035400" };
  keepPayment(world, expired);
  return expired;
}

function conclude(world: World, payment: Payment): Payment {
  keepPayment(world, payment);
  void emit(world, noticeOf(payment, true));
  return payment;
}

/** A scripted refusal of the wallet stays under the reference, as a real one does. */
function leaveDecline(world: World, call: Call, plan: Plan & { readonly code: string }): readonly Notice[] {
  const payment = { ...newPayment(call, plan), status: "06", code: plan.code };
  const isDecline = /^40[34]/.test(plan.code) && !NOT_A_DECLINE.test(plan.code);
  if (isDecline && findPayment(world, payment.clientId, payment.reference) === undefined) {
    keepPayment(world, payment);
  }
  return plan.notify.forged ? [noticeOf(payment, false)] : [];
}

function newPayment(call: Call, plan: Plan): Payment {
  const text = (at: string) => textAt(call.body, at) ?? "";
  return {
    clientId: call.merchant.clientId,
    reference: text("partnerReferenceNo"),
    referenceNo: randomHex(16).toUpperCase(),
    externalId: call.externalId,
    phone: call.link?.phone ?? null,
    customer: call.link?.customer ?? null,
    amount: rupiahOf(text("amount.value")) ?? 0,
    paymentType: text("additionalInfo.paymentType"),
    successUrl: text("additionalInfo.successPaymentUrl"),
    failedUrl: text("additionalInfo.failedPaymentUrl"),
    status: "03",
    code: "2005400",
    paidAt: null,
    refunds: [],
    pageId: null,
    plan,
    cancelExpiry: () => {},
  };
}

/** What a merchant is told of a payment; `genuine` false: only a stranger tells, of a success. */
export function noticeOf(payment: Payment, genuine: boolean): Notice {
  const { clientId, reference, plan } = payment;
  const amount = payment.amount + (plan.notify.wrongAmount ? 1 : 0);
  const message = (status: string) => ({ status, body: noticeBody(payment, status, amount) });
  const { trailingStatus } = plan.notify;
  const trailing = trailingStatus === null ? [] : [message(trailingStatus)];
  return {
    kind: "payment",
    clientId,
    reference,
    notify: plan.notify,
    messages: genuine ? [message(payment.status), ...trailing] : [],
    claim: message("00"),
  };
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  "00": "Success",
  "01": "Initiated",
  "02": "Paying",
  "03": "Pending",
  "04": "Refunded",
  "05": "Cancelled",
  "06": "Failed",
  "07": "Not Found",
};

/** DOKU's word for a latestTransactionStatus. */
export function describeStatus(status: string): string {
  return DESCRIPTIONS[status] ?? "Unknown";
}

function noticeBody(payment: Payment, status: string, amount: number) {
  return {
    originalPartnerReferenceNo: payment.reference,
    originalReferenceNo: payment.referenceNo,
    originalExternalId: payment.externalId,
    latestTransactionStatus: status,
    transactionStatusDesc: describeStatus(status),
    amount: moneyOf(amount),
    additionalInfo: {
      acquirerId: "OVO",
      ...(payment.customer === null ? {} : { custIdMerchant: payment.customer }),
      accountType: "WALLET",
      channelId: "EMONEY_OVO_SNAP",
      paymentType: payment.paymentType,
      origin: { apiFormat: "SNAP" },
    },
  };
}
