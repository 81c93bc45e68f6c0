import { DateTime } from "luxon";
import type { DunningPolicy } from "../../src/dunning/policy.ts";
import type { Verdict } from "../../src/gateway/gateway.ts";
import type { Attempt } from "../../src/invoices/attempt.ts";
import type { Dunned } from "../../src/invoices/dunned.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import type { Invoice } from "../../src/invoices/invoice.ts";
import type { News, NewsSource } from "../../src/invoices/news.ts";
import { attemptReference } from "../../src/invoices/reference.ts";
import type { BindingId, CustomerId, InvoiceId, SubscriptionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { plainPolicy } from "../support/plain-policy.ts";

export const at = (text: string): Instant =>
  DateTime.fromISO(text, { zone: "Asia/Jakarta" }).toUTC() as Instant;
export const NOW = at("2027-01-15T10:00");
const INVOICE_ID = "0b9d3c70-3f5c-5c0f-8f7e-0f4f0a1b2c3d" as InvoiceId;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const policy: DunningPolicy = plainPolicy({
  zone: "Asia/Jakarta",
  window: { from: "08:00", to: "20:00" },
  inquiryLadderMs: [65_000, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR],
});

/** What planning depends on: the plain policy, and nothing else of the wallet. */
export function dunned(change: Partial<Dunned> = {}): Dunned {
  return { policy, holidays: new Set(), nextBillOn: null, wallet: null, others: [], ...change };
}

export function invoice(change: Partial<Invoice> = {}): Invoice {
  return {
    id: INVOICE_ID,
    subscriptionId: "4f1c1f1e-0000-4000-8000-000000000001" as SubscriptionId,
    customerId: "4f1c1f1e-0000-4000-8000-000000000002" as CustomerId,
    amount: rupiah(99_000),
    billsOn: "2027-01-15",
    state: "open",
    nextActionAt: NOW,
    retryAt: null,
    waitingFor: null,
    leaseNo: 1,
    policyCode: null,
    nextBillOn: null,
    policyVersion: 1,
    firstFailedAt: null,
    declineClass: null,
    outcome: null,
    plannedTryAt: null,
    requestedOn: null,
    dunningStep: 0,
    requestsUsed: 0,
    notSentCount: 0,
    balanceFailures: 0,
    configRefusals: 0,
    askedAt: null,
    endReason: null,
    ...change,
  };
}

export function attempt(change: Partial<Attempt> = {}): Attempt {
  const number = change.number ?? 1;
  return {
    number,
    reference: attemptReference(INVOICE_ID, number),
    kind: "recurring",
    amount: rupiah(99_000),
    state: "requested",
    declineClass: null,
    code: null,
    message: null,
    gatewayReference: null,
    accepted: false,
    inquireAt: null,
    inquiries: 0,
    notFoundCount: 0,
    firstNotFoundAt: null,
    notFoundProved: false,
    refusalNoticedAt: null,
    resends: 0,
    reviewReason: null,
    lastSentAt: NOW,
    closedAt: null,
    refundAsked: rupiah(0),
    requests: [{ id: `${number}1`, externalId: "1", state: "written", code: null }],
    ...change,
  };
}

export function facts(change: Partial<Facts> = {}): Facts {
  return {
    invoice: invoice(),
    attempts: [],
    subscription: { state: "active", collectionHold: false, reference: "sub-1", planName: "Pro" },
    customerReference: "cust-1",
    binding: { id: "4f1c1f1e-0000-4000-8000-000000000003" as BindingId, state: "active" },
    stop: null,
    ...change,
  };
}

export function news(source: NewsSource, verdict: Verdict, change: Partial<News> = {}): News {
  const about = change.attemptNumber ?? 1;
  return {
    invoiceId: INVOICE_ID,
    attemptNumber: about,
    reference: attemptReference(INVOICE_ID, about),
    source,
    verdict,
    raw: { httpStatus: source === "answer" ? 200 : null, body: null },
    requestId: source === "answer" ? `${about}1` : null,
    leaseNo: source === "answer" || source === "inquiry" ? 1 : null,
    realMsSinceSent: 3_600_000,
    ...change,
  };
}

export const paid = (change: Partial<Extract<Verdict, { kind: "paid" }>> = {}): Verdict => ({
  kind: "paid",
  code: "00",
  gatewayReference: "G1",
  amount: rupiah(99_000),
  payee: "cust-1",
  mismatch: null,
  ...change,
});
export const accepted: Verdict = { kind: "accepted", code: "2005400", gatewayReference: "G1" };
export const declined = (
  declineClass: "funds" | "binding" | "config" | "account" | "risk" | "limit" | "window",
  code = "4035414",
): Verdict => ({
  kind: "declined",
  declineClass,
  code,
  message: "no",
});
export const unknown: Verdict = { kind: "unknown", cause: "time-out" };
export const notFound: Verdict = { kind: "not_found", code: "4045501" };
export const notSent: Verdict = { kind: "not_sent", cause: "ECONNREFUSED" };
