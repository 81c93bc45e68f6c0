import { randomDigits } from "../platform/random.ts";
import { type Answer, answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, justAnswer, nobody, type Outcome } from "./endpoint.ts";
import { CHANNEL, money, moneyOf, rupiahOf, textAt, textUpTo } from "./fields.ts";
import { emit } from "./notifier.ts";
import { findPayment, keepPayment, noticeOf } from "./payment.ts";
import type { Plan } from "./script.ts";
import { moveMoney, refusesIncoming } from "./wallet.ts";
import { jakartaDay, wireTime } from "./wire-time.ts";
import { ofMerchant, type Payment, type Refund, type World } from "./world.ts";

const DAY_MS = 86_400_000;
/** How long a refund answered with 2025800 stays in progress. */
const SETTLES_AFTER_MS = 60_000;

/** Refund (service 58). Works without a customer token: the customer may have unlinked since. */
export const refundEndpoint: Endpoint = {
  path: "/direct-debit/core/v1/debit/refund",
  service: "58",
  door: "call",
  needsCustomer: nobody,
  fields: [
    { at: "originalPartnerReferenceNo", required: true, form: textUpTo(32) },
    { at: "originalExternalId", required: false, form: /^\d{1,36}$/ },
    ...money("refundAmount"),
    { at: "reason", required: false, form: textUpTo(255) },
    { at: "partnerRefundNo", required: true, form: textUpTo(64) },
    { at: "additionalInfo.channel", required: true, form: CHANNEL },
  ],
  facts: (world, call) => ({
    phone: original(world, call)?.phone ?? null,
    reference: textAt(call.body, "originalPartnerReferenceNo"),
    amount: rupiahOf(textAt(call.body, "refundAmount.value")),
  }),
  run: giveBack,
};

function giveBack(world: World, call: Call, plan: Plan): Outcome {
  const partnerRefundNo = textAt(call.body, "partnerRefundNo") ?? "";
  const { clientId } = call.merchant;
  const refundKey = ofMerchant(clientId, partnerRefundNo);
  if (world.refundNos.has(refundKey)) {
    return justAnswer(answerWith("4095801", { responseMessage: "Duplicate partnerRefundNo" }));
  }
  const payment = original(world, call);
  if (payment === undefined) return justAnswer(answerWith("4045801"));
  const amount = rupiahOf(textAt(call.body, "refundAmount.value")) ?? 0;
  const refusal = refusalOf(world, payment, amount);
  if (refusal !== null) return justAnswer(refusal);

  world.refundNos.add(refundKey);
  const dayKey = refundDay(world, clientId);
  world.refundedOn.set(dayKey, (world.refundedOn.get(dayKey) ?? 0) + amount);
  const refund: Refund = {
    refundNo: randomDigits(17),
    partnerRefundNo,
    amount,
    reason: textAt(call.body, "reason") ?? "",
    at: world.clock.now(),
    status: "03",
  };
  keepRefund(world, payment, refund);
  if (plan.course === "in-progress") {
    world.clock.schedule(world.clock.now() + SETTLES_AFTER_MS, async () => settle(world, payment, refund));
    return justAnswer(answerWith("2025800", echoOf(payment, refund)));
  }
  settle(world, payment, refund);
  return justAnswer(answerWith(world.settings.refunds.code, echoOf(payment, refund)));
}

function echoOf(payment: Payment, refund: Refund) {
  return {
    refundAmount: moneyOf(refund.amount),
    originalPartnerReferenceNo: payment.reference,
    originalReferenceNo: payment.referenceNo,
    refundNo: refund.refundNo,
    partnerRefundNo: refund.partnerRefundNo,
    // DOKU's sample has no zone here.
    refundTime: `${wireTime(refund.at).slice(0, 19)}.000`,
  };
}

function refusalOf(world: World, payment: Payment, amount: number): Answer | null {
  const { partial, windowDays, dailyLimit } = world.settings.refunds;
  if (payment.paidAt === null || payment.status !== "00") return answerWith("4045800");
  if (world.clock.now() - payment.paidAt > windowDays * DAY_MS)
    return refuse("4055801", "Refund window is over");
  if (amount === 0 || amount > payment.amount - refundedOf(payment)) return answerWith("4045813");
  if (!partial && amount !== payment.amount) return refuse("4055801", "Partial refund");
  const today = world.refundedOn.get(refundDay(world, payment.clientId)) ?? 0;
  if (dailyLimit !== undefined && today + amount > dailyLimit) return answerWith("4035820");
  const wallet = world.wallets.get(payment.phone ?? "");
  if (wallet === undefined || wallet.closed) return answerWith("4045811");
  const full = refusesIncoming(world, wallet, amount);
  return full === null ? null : refuse("4035802", full);
}

function refundDay(world: World, clientId: string): string {
  return ofMerchant(clientId, String(jakartaDay(world.clock.now())));
}

/** Moves the money, and turns the payment to 04 once all of it is back. */
function settle(world: World, { clientId, reference }: Payment, refund: Refund): void {
  const payment = findPayment(world, clientId, reference);
  if (payment === undefined || payment.phone === null) return;
  moveMoney(world, { phone: payment.phone, reference, kind: "refund", amount: refund.amount });
  const kept = keepRefund(world, payment, { ...refund, status: "00" });
  const done = kept.refunds.filter((one) => one.status === "00");
  if (done.reduce((sum, one) => sum + one.amount, 0) !== kept.amount) return;
  const whole = { ...kept, status: "04" };
  keepPayment(world, whole);
  if (world.settings.refunds.notice === "status-04") void emit(world, noticeOf(whole, true));
}

function keepRefund(world: World, payment: Payment, refund: Refund): Payment {
  const others = payment.refunds.filter((one) => one.refundNo !== refund.refundNo);
  const kept = { ...payment, refunds: [...others, refund] };
  keepPayment(world, kept);
  return kept;
}

function refundedOf(payment: Payment): number {
  return payment.refunds.reduce((sum, refund) => sum + refund.amount, 0);
}

function original(world: World, call: Call): Payment | undefined {
  return findPayment(world, call.merchant.clientId, textAt(call.body, "originalPartnerReferenceNo") ?? "");
}
