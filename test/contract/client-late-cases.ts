import type { Simulator } from "../../src/simulator/simulator.ts";
import { inquiry, PHONE, payment, refund, refundInquiry, type Stage, URLS } from "./client-stages.ts";
import { as, type Case, money, nothing, scripted, verdict } from "./client-words.ts";

const paid = async (_: Simulator, stage: Stage) => {
  await stage.gateway.pay(payment(stage));
};
const status = (latestTransactionStatus: string, more: object = {}) =>
  as("2005500", {
    originalPartnerReferenceNo: "REF-1",
    originalReferenceNo: "FB1",
    serviceCode: "55",
    latestTransactionStatus,
    originalResponseCode: "2005400",
    transAmount: money(25_000),
    ...more,
  });
const asks = ({ gateway }: Stage) => gateway.inquire(inquiry());
const says = (word: string, expected: object, code?: string): Case => ({
  name: `an inquiry says ${word} ${code ?? ""}`.trim(),
  canned: { status: [status(word, code === undefined ? {} : { originalResponseCode: code })] },
  simulated: async (sim, stage) => {
    await paid(sim, stage);
    sim.script({
      match: {},
      outcome: `latestTransactionStatus:${word}${code === undefined ? "" : `:${code}`}`,
    });
  },
  act: asks,
  expected,
});
export const INQUIRY_CASES: readonly Case[] = [
  {
    name: "an inquiry finds the money",
    canned: { status: [status("00")] },
    simulated: paid,
    act: asks,
    expected: verdict("paid", { amount: 25_000, mismatch: null }),
  },
  {
    name: "an inquiry finds nothing",
    canned: { status: [as("4045501", {}, "Transaction Not Found")] },
    simulated: nothing,
    act: asks,
    expected: verdict("not_found", { code: "4045501" }),
  },
  says("01", verdict("pending")),
  says("02", verdict("pending")),
  says("03", verdict("pending")),
  says("05", verdict("declined", { declineClass: "unclassified" })),
  says("05", verdict("declined", { declineClass: "risk", code: "4045404" }), "4045404"),
  says("06", verdict("declined", { declineClass: "funds", code: "4035414" }), "4035414"),
  says("06", verdict("declined", { declineClass: "unclassified" }), "5005402"),
  says("07", verdict("not_found")),
  says("08", verdict("declined", { declineClass: "unclassified" })),
  says("42", verdict("pending")),
  {
    name: "an inquiry names another amount",
    canned: { status: [status("00", { transAmount: money(25_001) })] },
    simulated: async (sim, stage) => {
      await paid(sim, stage);
      sim.script({ match: {}, outcome: "wrong-amount-in-status" });
    },
    act: asks,
    expected: verdict("paid", { amount: 25_001 }),
  },
  {
    name: "an inquiry fails by itself",
    canned: { status: [as("5005500")] },
    simulated: scripted("status", "5005500"),
    act: asks,
    expected: verdict("unknown"),
  },
  {
    name: "an inquiry is refused for its service code, then for the other one",
    canned: { status: [as("4005501", {}, "Invalid Field Format serviceCode"), status("00")] },
    simulated: async (sim, stage) => {
      await paid(sim, stage);
      sim.script({ match: { path: URLS.status }, outcome: "4005501:serviceCode" });
    },
    act: asks,
    expected: verdict("paid"),
  },
];

const echo = (code: string, amount = 25_000, refundNo = "REFUND-1") =>
  as(code, {
    refundAmount: money(amount),
    originalPartnerReferenceNo: "REF-1",
    originalReferenceNo: "FB1",
    refundNo: "96194816941239812",
    partnerRefundNo: refundNo,
    refundTime: "2025-01-16T09:09:00.123",
  });
const refunds = (amount?: number) => (stage: Stage) => stage.gateway.refund(refund(stage, amount));
const declinedRefund = (
  code: string,
  reason: string,
  simulated: Case["simulated"],
  amount?: number,
): Case => ({
  name: `a refund is answered ${code}`,
  canned: { refund: [as(code)] },
  simulated,
  act: refunds(amount),
  expected: verdict("declined", { reason, code }),
});
const paidThen = (outcome: string) => async (sim: Simulator, stage: Stage) => {
  await paid(sim, stage);
  scripted("refund", outcome)(sim);
};
const history = (refundStatus: string, refundNo = "REFUND-1") => ({
  refundHistory: [
    { refundNo: "961", partnerReferenceNo: refundNo, refundAmount: money(25_000), refundStatus },
  ],
});
export const REFUND_CASES: readonly Case[] = [
  {
    name: "a refund of the whole is done",
    canned: { refund: [echo("2000700")] },
    simulated: paid,
    act: refunds(),
    expected: verdict("refunded", { code: "2000700", amount: 25_000 }),
  },
  {
    name: "a refund of a part is done",
    canned: { refund: [echo("2000700", 10_000)] },
    simulated: paid,
    act: refunds(10_000),
    expected: verdict("refunded", { amount: 10_000 }),
  },
  {
    name: "a refund is sent again, byte for byte",
    canned: { refund: [echo("2000700"), [409, echo("2000700")[1]]] },
    simulated: paid,
    act: async (stage) => {
      const request = refund(stage);
      await stage.gateway.refund(request);
      return stage.gateway.refund(request);
    },
    expected: { ...verdict("refunded"), raw: { httpStatus: 409 } },
  },
  {
    name: "a refund's reference was used before",
    canned: { refund: [echo("2000700"), as("4095801")] },
    simulated: paid,
    act: async (stage) => {
      await stage.gateway.refund(refund(stage));
      return stage.gateway.refund(refund(stage));
    },
    expected: verdict("already_done", { certain: false }),
  },
  {
    name: "a refund is answered inconsistent",
    canned: { refund: [as("4045818")] },
    simulated: paidThen("4045818"),
    act: refunds(),
    expected: verdict("already_done", { certain: true }),
  },
  declinedRefund("4045801", "payment_unknown", nothing),
  declinedRefund("4045813", "amount", paid, 25_001),
  declinedRefund("4055801", "not_allowed", async (sim, stage) => {
    await paid(sim, stage);
    await sim.advanceClock("8d");
  }),
  declinedRefund("4035820", "limit", async (sim, stage) => {
    await stage.gateway.pay(payment(stage, 60_000, "REF-0"));
    await stage.gateway.refund(refund(stage, 60_000, "REFUND-0", "REF-0"));
    await paid(sim, stage);
  }),
  declinedRefund("4045811", "account", async (sim, stage) => {
    await paid(sim, stage);
    sim.changeWallet(PHONE, { closed: true });
  }),
  declinedRefund("4015802", "customer_token", paidThen("4015802")),
  declinedRefund("4035806", "window", paidThen("4035806")),
  declinedRefund("4005802", "config", paidThen("4005802")),
  {
    name: "a refund is of a payment that is not paid",
    canned: { refund: [as("4045800")] },
    simulated: async (_, stage) => void (await stage.gateway.pay(payment(stage, 150_001))),
    act: refunds(),
    expected: verdict("unknown"),
  },
  {
    name: "a refund is in progress",
    canned: { refund: [as("2025800")] },
    simulated: paidThen("2025800"),
    act: refunds(),
    expected: verdict("pending"),
  },
  {
    name: "a refund times out there",
    canned: { refund: [as("5045800")] },
    simulated: paidThen("504-after-commit"),
    act: refunds(),
    expected: verdict("unknown"),
  },
  {
    name: "a refund's answer never comes, and the inquiry finds it done",
    canned: { refund: ["hangs up"], status: [status("04", history("00"))] },
    simulated: paidThen("reset-after-commit"),
    act: async (stage) => {
      const first = await stage.gateway.refund(refund(stage));
      const after = await stage.gateway.inquireRefund(refundInquiry());
      return { first: first.verdict.kind, after: after.verdict.kind };
    },
    expected: { first: "unknown", after: "refunded" },
  },
  {
    name: "a refund never arrived, and the inquiry does not find it",
    canned: { refund: ["hangs up"], status: [status("00")] },
    simulated: paidThen("reset-before-commit"),
    act: async (stage) => {
      const first = await stage.gateway.refund(refund(stage));
      const after = await stage.gateway.inquireRefund(refundInquiry());
      return { first: first.verdict.kind, after: after.verdict.kind };
    },
    expected: { first: "unknown", after: "not_found" },
  },
  {
    name: "a refund in progress is found by the inquiry",
    canned: { refund: [as("2025800")], status: [status("00", history("03"))] },
    simulated: paidThen("202"),
    act: async (stage) => {
      await stage.gateway.refund(refund(stage));
      return stage.gateway.inquireRefund(refundInquiry());
    },
    expected: verdict("pending"),
  },
];
