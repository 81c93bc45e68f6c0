import { randomDigits } from "../platform/random.ts";
import { answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, justAnswer, nobody, type Outcome } from "./endpoint.ts";
import { CHANNEL, money, moneyOf, rupiahOf, textAt, textUpTo } from "./fields.ts";
import { findPayment, keepPayment } from "./payment.ts";
import { moveMoney } from "./wallet.ts";
import { wireTime } from "./wire-time.ts";
import { ofMerchant, type Payment, type World } from "./world.ts";

const DAY_MS = 86_400_000;

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

function giveBack(world: World, call: Call): Outcome {
  const partnerRefundNo = textAt(call.body, "partnerRefundNo") ?? "";
  const refundKey = ofMerchant(call.merchant.clientId, partnerRefundNo);
  if (world.refundNos.has(refundKey)) {
    return justAnswer(answerWith("4095801", { responseMessage: "Duplicate partnerRefundNo" }));
  }
  const payment = original(world, call);
  if (payment === undefined) return justAnswer(answerWith("4045801"));
  const amount = rupiahOf(textAt(call.body, "refundAmount.value")) ?? 0;
  const refusal = refusalOf(world, payment, amount);
  if (refusal !== null || payment.phone === null) return justAnswer(refusal ?? answerWith("4045800"));

  const now = world.clock.now();
  const refundNo = randomDigits(17);
  const refunds = [
    ...payment.refunds,
    { refundNo, partnerRefundNo, amount, reason: textAt(call.body, "reason") ?? "", at: now },
  ];
  world.refundNos.add(refundKey);
  moveMoney(world, { phone: payment.phone, reference: payment.reference, kind: "refund", amount });
  const whole = refundedOf({ ...payment, refunds }) === payment.amount;
  keepPayment(world, { ...payment, refunds, status: whole ? "04" : payment.status });
  return justAnswer(
    answerWith(world.settings.refunds.code, {
      refundAmount: moneyOf(amount),
      originalPartnerReferenceNo: payment.reference,
      originalReferenceNo: payment.referenceNo,
      refundNo,
      partnerRefundNo,
      // DOKU's sample has no zone here.
      refundTime: `${wireTime(now).slice(0, 19)}.000`,
    }),
  );
}

function refusalOf(world: World, payment: Payment, amount: number) {
  const { partial, windowDays } = world.settings.refunds;
  if (payment.paidAt === null || payment.status !== "00") return answerWith("4045800");
  if (world.clock.now() - payment.paidAt > windowDays * DAY_MS)
    return refuse("4055801", "Refund window is over");
  if (amount === 0 || amount > payment.amount - refundedOf(payment)) return answerWith("4045813");
  if (!partial && amount !== payment.amount) return refuse("4055801", "Partial refund");
  return null;
}

function refundedOf(payment: Payment): number {
  return payment.refunds.reduce((sum, refund) => sum + refund.amount, 0);
}

function original(world: World, call: Call): Payment | undefined {
  return findPayment(world, call.merchant.clientId, textAt(call.body, "originalPartnerReferenceNo") ?? "");
}
