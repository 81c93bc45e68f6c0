import { PAY_PAGE_MINUTES, type PayPageAnswer } from "../gateway/gateway.ts";
import { AwayError, ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { rehearsing } from "../platform/rehearsal.ts";
import { insertAttempts } from "./attempt.store.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import type { CollectTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { giveWay } from "./give-way.flow.ts";
import { FIRST_INQUIRY_AFTER_MS } from "./inquiry-ladder.ts";
import { saveInvoices } from "./invoice.store.ts";
import type { News } from "./news.ts";
import { findPayPage, insertPayPage, savePayPage } from "./pay-page.store.ts";
import { recordVerdictsIn } from "./record-verdicts.flow.ts";
import { attemptReference } from "./reference.ts";
import { insertRequests } from "./request.store.ts";

/** Where the customer pays, and until when. */
export type PayLink = {
  readonly redirectUrl: string;
  readonly reference: Reference;
  readonly endsAt: Instant;
};

/** Calls that one page may need: an inquiry about an attempt that gives way, the customer's token, the page. */
const PERMITS_PER_PAGE = 3;
/** A gateway that says "too many requests" gets this much silence from all workers (real time). */
const BUSY_SILENCE_MS = 2_000;

/**
 * Opens a page on which the customer pays an invoice that is open or was given up, or answers the one that is open.
 * While it may be paid no other attempt begins. Throws in words when that is not possible; once bytes may have left,
 * the attempt remembers.
 */
export async function openPayLink(tools: CollectTools, id: InvoiceId, actor: Actor): Promise<PayLink> {
  const granted = await tools.permits.take(PERMITS_PER_PAGE);
  let used = 0;
  try {
    const first = await tools.db.begin((tx) => look(tx, tools, id));
    if (first.kind === "page") return first.page;
    if (granted < PERMITS_PER_PAGE) throw new AwayError("too many calls at once: ask again in a moment");
    used = PERMITS_PER_PAGE;
    if (first.kind === "unsent") await giveWay(tools, id, first.attempt);
    const customerToken = await tokenAtHand(tools, first.facts);
    const startedAtMs = monotonicMs();
    const intent = await tools.db.begin((tx) => writeIntent(tx, tools, id, actor));
    if (intent.kind === "page") return intent.page;
    const leaveByMs = startedAtMs + tools.leaseMs - tools.gatewayTimeoutMs;
    const { reference, externalId, body } = intent;
    const answer = await tools.gateway.startPayPage({
      reference,
      externalId,
      body,
      customerToken,
      leaveByMs,
    });
    if (answer.verdict.kind === "busy") await tools.permits.block(BUSY_SILENCE_MS);
    await recordAnswer(tools, id, intent, answer);
    return linkOrThrow(intent, answer);
  } finally {
    await tools.permits.giveBack(granted - used);
  }
}

/** What `openPayLink` would answer and send now; nothing is asked, sent or kept. */
export async function rehearsePayLink(
  tools: CollectTools,
  id: InvoiceId,
  actor: Actor,
): Promise<PayLink | RehearsedPayLink> {
  const intent = await rehearsing(tools.db).begin((tx) => writeIntent(tx, tools, id, actor));
  if (intent.kind === "page") return intent.page;
  const { reference, endsAt, body } = intent;
  return { redirectUrl: null, reference, endsAt, body };
}

/** `body`: the request to the gateway, word for word. */
type RehearsedPayLink = Omit<PayLink, "redirectUrl"> & { readonly redirectUrl: null; readonly body: string };

type Look =
  | { readonly kind: "page"; readonly page: PayLink }
  /** An attempt that never left gives way, once the gateway confirms it. */
  | { readonly kind: "unsent"; readonly facts: Facts; readonly attempt: Attempt }
  | { readonly kind: "free"; readonly facts: Facts };

/** What the locked invoice allows. A hold or a pause binds the machine; here a person asks, and the customer is present. */
async function look(tx: Tx, tools: CollectTools, id: InvoiceId): Promise<Look> {
  const now = await tools.clock.now(tx);
  const invoices = await lockInvoices(tx, [id]);
  const [facts] = await loadFacts(tx, invoices, now);
  if (facts === undefined) throw new NotFoundError(`there is no invoice ${id}`);
  // What was given up may still be paid.
  if (facts.invoice.state !== "open" && facts.invoice.state !== "uncollectible")
    throw new ConflictError(`the invoice is ${facts.invoice.state}, not open`);
  const live = liveAttempt(facts);
  const page = live?.kind === "sale" ? await findPayPage(tx, id, live.number) : null;
  if (live !== null && page !== null && page.redirectUrl !== null && isOpen(live, page.endsAt, now)) {
    const { redirectUrl, endsAt } = page;
    return { kind: "page", page: { redirectUrl, reference: live.reference, endsAt } };
  }
  if (facts.stop !== null) throw new ConflictError(`nothing may be sent: ${facts.stop.reason}`);
  if (live === null) return { kind: "free", facts };
  if (live.state === "unsent" && !mayHaveLeft(live, null)) return { kind: "unsent", facts, attempt: live };
  if (live.kind === "sale" && live.state !== "review")
    throw new ConflictError(`the page of ${live.reference} has ended or never opened: we ask how it ended`);
  throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
}

function isOpen(live: Attempt, endsAt: Instant, now: Instant): boolean {
  return live.state !== "review" && now < endsAt;
}

/** A page needs no wallet; with a token of the customer's it needs no phone number either. */
async function tokenAtHand(tools: CollectTools, { binding }: Facts): Promise<string | null> {
  if (binding?.state !== "active") return null;
  const answer = await tools.tokens(binding.id);
  return answer.kind === "token" ? answer.token : null;
}

type Intent = {
  readonly kind: "intent";
  readonly attemptNumber: number;
  readonly reference: Reference;
  readonly externalId: string;
  readonly body: string;
  readonly requestId: string;
  readonly leaseNo: number;
  readonly endsAt: Instant;
};

/** Everything is looked at again; attempt, request and page are committed before any byte leaves. */
async function writeIntent(
  tx: Tx,
  tools: CollectTools,
  id: InvoiceId,
  actor: Actor,
): Promise<Intent | { readonly kind: "page"; readonly page: PayLink }> {
  const looked = await look(tx, tools, id);
  if (looked.kind === "page") return looked;
  if (looked.kind === "unsent")
    throw new ConflictError(
      `attempt ${looked.attempt.reference} is not confirmed yet: ask again in a minute`,
    );
  const { facts } = looked;
  const { invoice, attempts, subscription } = facts;
  const now = await tools.clock.now(tx);
  const attemptNumber = (attempts.at(-1)?.number ?? 0) + 1;
  const reference = attemptReference(id, attemptNumber);
  const remarks = `${subscription.planName} ${invoice.billsOn}`;
  const body = tools.gateway.payPageBody({ reference, amount: invoice.amount, remarks });
  const externalId = tools.gateway.newExternalId();
  const leaseNo = invoice.leaseNo + 1;
  const decision = {
    invoiceId: id,
    attemptNumber,
    rule: "pay_link",
    says: `${actor.name} asked for a page on which the customer pays ${formatRupiah(invoice.amount)}`,
    facts: { actor: actor.name, role: actor.role, lease: leaseNo },
    nextActionAt: null,
    policyVersion: tools.policy.version,
  };
  const [decisionId = ""] = await insertDecisions(tx, [decision], now);
  const { amount } = invoice;
  await insertAttempts(
    tx,
    [{ invoiceId: id, number: attemptNumber, reference, kind: "sale", amount, decisionId }],
    now,
  );
  const [requestId = ""] = await insertRequests(
    tx,
    [{ invoiceId: id, attemptNumber, externalId, leaseNo, body }],
    now,
  );
  const endsAt = now.plus({ minutes: PAY_PAGE_MINUTES });
  await insertPayPage(tx, { invoiceId: id, attemptNumber, askedBy: actor.name, openedAt: now, endsAt });
  // What the invoice waits for is kept: it waits for it again, should the page not be paid.
  const watched = { ...invoice, nextActionAt: now.plus(FIRST_INQUIRY_AFTER_MS) };
  await saveInvoices(tx, [{ invoice: watched, lease: { kind: "take", leaseMs: tools.leaseMs } }], now);
  return { kind: "intent", attemptNumber, reference, externalId, body, requestId, leaseNo, endsAt };
}

async function recordAnswer(
  tools: CollectTools,
  id: InvoiceId,
  { attemptNumber, reference, requestId, leaseNo }: Intent,
  { verdict, raw, redirectUrl }: PayPageAnswer,
): Promise<void> {
  await tools.db.begin(async (tx) => {
    const about = { invoiceId: id, attemptNumber, reference, requestId, leaseNo, realMsSinceSent: 0 };
    const news: News = { ...about, source: "answer", verdict, raw };
    await recordVerdictsIn(tx, tools, [news], await tools.clock.now(tx));
    if (redirectUrl !== null) await savePayPage(tx, id, attemptNumber, redirectUrl);
  });
  tools.log.info({ event: "pay_link.answered", reference, verdict: verdict.kind });
}

function linkOrThrow({ reference, endsAt }: Intent, { verdict, redirectUrl }: PayPageAnswer): PayLink {
  if (redirectUrl !== null) return { redirectUrl, reference, endsAt };
  switch (verdict.kind) {
    case "declined":
      throw new ConflictError(`the gateway opens no page for it: ${verdict.message} (${verdict.code})`);
    case "not_sent":
    case "busy":
    case "token_refused":
      throw new AwayError(
        "the gateway could not be asked for a page, and nothing was sent: ask again in two minutes",
      );
    default:
      throw new AwayError(
        `the gateway did not give a page: ${reference} is asked about, and nothing else is tried until it is settled`,
      );
  }
}
