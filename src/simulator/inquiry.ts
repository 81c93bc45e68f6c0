import { answerWith, refuse } from "./answer.ts";
import { type Call, type Endpoint, everybody, justAnswer, nobody, type Outcome } from "./endpoint.ts";
import { CHANNEL, money, moneyOf, rupiahOf, textAt, textUpTo } from "./fields.ts";
import { describeStatus, findPayment } from "./payment.ts";
import type { Plan } from "./script.ts";
import { wireTime } from "./wire-time.ts";
import { ofMerchant, type Payment, type World } from "./world.ts";

/** Balance Inquiry (service 11). */
export const balanceEndpoint: Endpoint = {
  path: "/direct-debit/core/v1/balance-inquiry",
  service: "11",
  door: "call",
  needsCustomer: everybody,
  fields: [{ at: "additionalInfo.channel", required: true, form: CHANNEL }],
  facts: (_, call) => ({ phone: call.link?.phone ?? null, reference: null, amount: null }),
  run: (world, call) => {
    const wallet = world.wallets.get(call.link?.phone ?? "");
    if (wallet === undefined || wallet.closed) return justAnswer(answerWith("4041111"));
    if (wallet.blocked) return justAnswer(answerWith("4031107"));
    const amount = moneyOf(wallet.balance);
    const none = moneyOf(0);
    const cash = {
      balanceType: "CASH",
      amount,
      flatAmount: none,
      holdAmount: none,
      availableBalance: amount,
    };
    return justAnswer(answerWith("2001100", { accountInfos: [cash] }));
  },
};

/** Transaction status (service 55). Both service codes are taken: DOKU's own sources differ. */
export const statusEndpoint: Endpoint = {
  path: "/orders/v1.0/debit/status",
  service: "55",
  door: "call",
  needsCustomer: nobody,
  fields: [
    { at: "originalPartnerReferenceNo", required: false, form: textUpTo(64) },
    { at: "originalReferenceNo", required: false, form: textUpTo(64) },
    { at: "originalExternalId", required: false, form: /^\d{1,36}$/ },
    { at: "serviceCode", required: true, form: /^5[45]$/ },
    { at: "transactionDate", required: false, form: textUpTo(35) },
    ...money("amount", false),
    { at: "merchantId", required: false, form: textUpTo(64) },
  ],
  facts: (world, call) => {
    const payment = paymentOf(world, call);
    return {
      phone: payment?.phone ?? null,
      reference: textAt(call.body, "originalPartnerReferenceNo"),
      amount: payment?.amount ?? rupiahOf(textAt(call.body, "amount.value")),
    };
  },
  run: tellStatus,
};

function tellStatus(world: World, call: Call, plan: Plan): Outcome {
  // SNAP wants one of the two names of a payment.
  if (referenceAt(call) === null && textAt(call.body, "originalReferenceNo") === null)
    return justAnswer(refuse("4005502", "originalPartnerReferenceNo"));
  const payment = paymentOf(world, call);
  const { inquiry } = plan;
  const scripted = typeof inquiry === "object" ? inquiry : null;
  if (inquiry === "not-found" || (payment === undefined && scripted === null)) {
    return justAnswer(answerWith("4045501"));
  }
  if (payment === undefined) return justAnswer(statusOfUnknown(call, scripted?.status ?? "07"));
  const named = textAt(call.body, "originalReferenceNo");
  if (named !== null && named !== payment.referenceNo) {
    return justAnswer(refuse("4045518", "originalReferenceNo"));
  }
  const amount = payment.amount + (inquiry === "wrong-amount" ? 1 : 0);
  const status = scripted?.status ?? payment.status;
  const originalCode = scripted?.originalCode ?? payment.code;
  return justAnswer(
    answerWith("2005500", {
      originalPartnerReferenceNo: payment.reference,
      originalReferenceNo: payment.referenceNo,
      originalExternalId: payment.externalId,
      serviceCode: "55",
      latestTransactionStatus: status,
      transactionStatusDesc: describeStatus(status).toUpperCase(),
      originalResponseCode: originalCode,
      originalResponseMessage: answerWith(originalCode).body["responseMessage"],
      ...(payment.paidAt === null ? {} : { paidTime: wireTime(payment.paidAt) }),
      transAmount: moneyOf(amount),
      ...(payment.refunds.length === 0 ? {} : { refundHistory: refundHistory(payment) }),
      additionalInfo: { channel: "EMONEY_OVO_SNAP", acquirer: { id: "OVO" } },
    }),
  );
}

/** A script may claim a status of what was never received. */
function statusOfUnknown(call: Call, status: string) {
  return answerWith("2005500", {
    originalPartnerReferenceNo: textAt(call.body, "originalPartnerReferenceNo"),
    serviceCode: "55",
    latestTransactionStatus: status,
    transactionStatusDesc: describeStatus(status).toUpperCase(),
  });
}

function refundHistory(payment: Payment) {
  return payment.refunds.map((refund) => ({
    refundNo: refund.refundNo,
    partnerReferenceNo: refund.partnerRefundNo,
    refundAmount: moneyOf(refund.amount),
    refundStatus: refund.status,
    refundDate: wireTime(refund.at),
    reason: refund.reason,
  }));
}

function referenceAt(call: Call): string | null {
  return textAt(call.body, "originalPartnerReferenceNo");
}

function paymentOf(world: World, call: Call): Payment | undefined {
  const { clientId } = call.merchant;
  const reference = referenceAt(call);
  if (reference !== null) return findPayment(world, clientId, reference);
  const key = world.paymentNumbers.get(ofMerchant(clientId, textAt(call.body, "originalReferenceNo") ?? ""));
  return key === undefined ? undefined : world.payments.get(key);
}
