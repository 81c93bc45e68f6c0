import { groupBy } from "../kernel/group.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { applyVerdict } from "./apply-verdict.ts";
import { saveAttempts } from "./attempt.store.ts";
import { type Circumstances, codeOf } from "./circumstances.ts";
import type { DecideTools } from "./collect-tools.ts";
import { type Consequences, factsAfter } from "./consequences.ts";
import { insertDecisions } from "./decision.store.ts";
import { giveBackWalletRequests, loadDunned, type WalletDay } from "./dunned.store.ts";
import { insertEvidence } from "./evidence.store.ts";
import { loadNewsFacts, lockInvoices } from "./facts.store.ts";
import type { NewsFacts } from "./facts.ts";
import { type LeaseChange, saveInvoices } from "./invoice.store.ts";
import type { News } from "./news.ts";
import { noteExceptions, setStop } from "./note-consequences.flow.ts";
import { saveRequests } from "./request.store.ts";
import { saveSubscriptionStates } from "./subscription-state.flow.ts";

/** What became of one piece of news. */
export type Recorded = { readonly news: News; readonly consequences: Consequences | null };

/** Records a set of news in one transaction. The only writer of consequences, whoever brings the news. */
export async function recordVerdicts(tools: DecideTools, news: readonly News[]): Promise<Recorded[]> {
  const recorded = await tools.db.begin(async (tx) =>
    recordVerdictsIn(tx, tools, news, await tools.clock.now(tx)),
  );
  logVerdicts(tools, recorded);
  return recorded;
}

/** One line a piece of news; that the gateway took an order in, as nearly always, only when somebody debugs. */
export function logVerdicts({ log }: Pick<DecideTools, "log">, recorded: readonly Recorded[]): void {
  for (const { news, consequences } of recorded) {
    const { invoiceId, reference, source, verdict } = news;
    const level = verdict.kind === "accepted" ? "debug" : "info";
    const states = { attempt: consequences?.attempt.state, invoice: consequences?.invoice.state };
    log[level]({
      event: "invoice.verdict",
      invoiceId,
      reference,
      source,
      verdict: verdict.kind,
      ...states,
    });
  }
}

/** As `recordVerdicts`, inside the caller's transaction: evidence first, then the locks in id order, then the effects. */
export async function recordVerdictsIn(
  tx: Tx,
  tools: DecideTools,
  news: readonly News[],
  now: Instant,
): Promise<Recorded[]> {
  if (news.length === 0) return [];
  const ids = [...new Set(news.map((each) => each.invoiceId))];
  const invoices = await lockInvoices(tx, ids);
  const [facts, policies, dunned] = await Promise.all([
    loadNewsFacts(tx, invoices),
    tools.policies.read(tx, invoices),
    // Only a decline is planned by it.
    news.some(({ verdict }) => verdict.kind === "declined") ? loadDunned(tx, tools.policies, invoices) : null,
    insertEvidence(tx, news, now),
  ]);
  const newsOf = groupBy(news, (each) => each.invoiceId);
  const told = facts.map((each) => {
    const { invoice } = each;
    const ground = { policy: policies.of(invoice), dunned: dunned === null ? null : dunned(invoice) };
    return tellAll(tools, each, newsOf.get(invoice.id) ?? [], { ...ground, now });
  });
  const recorded = told.flatMap((each) => each.recorded);
  await Promise.all([
    ...saveFacts(tx, told, now),
    giveBackWalletRequests(tx, told.flatMap(givenBack)),
    ...saveConsequences(tx, tools, recorded, now),
  ]);
  failpoint("verdicts.before-commit");
  return news.map((each) => recorded.find((one) => one.news === each) ?? { news: each, consequences: null });
}

type Told = { readonly before: NewsFacts; readonly after: NewsFacts; readonly recorded: readonly Recorded[] };

/** The day of a request that turned out to have asked nothing of the customer. */
function givenBack({ before: { invoice }, after }: Told): WalletDay[] {
  const { customerId, requestedOn: day } = invoice;
  return day !== null && after.invoice.requestedOn === null ? [{ customerId, day }] : [];
}

/** News about one invoice, one after another, each on the ground that the one before left. */
function tellAll(
  { notFoundBlindMs }: DecideTools,
  before: NewsFacts,
  news: readonly News[],
  ground: Pick<Circumstances, "policy" | "dunned" | "now">,
): Told {
  let after = before;
  const recorded: Recorded[] = [];
  for (const each of news) {
    const attempt = after.attempts.find((candidate) => candidate.number === each.attemptNumber);
    if (attempt === undefined) continue;
    const consequences = applyVerdict({ facts: after, attempt, news: each, ...ground, notFoundBlindMs });
    recorded.push({ news: each, consequences });
    after = factsAfter(after, consequences);
  }
  return { before, after, recorded };
}

/** The statements do not wait for each other's answers, and PostgreSQL runs them in this order. */
function saveFacts(tx: Tx, told: readonly Told[], now: Instant): Promise<void>[] {
  return [
    saveAttempts(
      tx,
      told.flatMap(({ before, after }) =>
        after.attempts
          .filter((attempt) => !before.attempts.includes(attempt))
          .map((attempt) => ({ invoiceId: after.invoice.id, attempt })),
      ),
    ),
    saveRequests(
      tx,
      told.flatMap(({ before, after }) => {
        const known = new Set(before.attempts.flatMap((attempt) => attempt.requests));
        return after.attempts.flatMap((attempt) => attempt.requests).filter((request) => !known.has(request));
      }),
    ),
    saveInvoices(
      tx,
      told.flatMap(({ before, after, recorded }) => {
        // The worker that brings the answer gives its own lease back; news from elsewhere leaves leases alone.
        const leaseNo = recorded.map((each) => each.news.leaseNo).find((each) => each !== null) ?? null;
        if (leaseNo === null && after.invoice === before.invoice) return [];
        const lease: LeaseChange = leaseNo === null ? { kind: "keep" } : { kind: "release", leaseNo };
        return [{ invoice: after.invoice, lease }];
      }),
      now,
    ),
  ];
}

function saveConsequences(
  tx: Tx,
  tools: DecideTools,
  recorded: readonly Recorded[],
  now: Instant,
): Promise<void>[] {
  const all = recorded.flatMap(({ news, consequences }) =>
    consequences === null ? [] : [{ news, ...consequences }],
  );
  const decisions = insertDecisions(
    tx,
    all.flatMap(({ news, invoice, decision }) =>
      decision === null
        ? []
        : [
            {
              invoiceId: news.invoiceId,
              attemptNumber: news.attemptNumber,
              rule: decision.rule,
              says: decision.says,
              facts: {
                source: news.source,
                verdict: news.verdict.kind,
                code: codeOf(news.verdict).slice(0, 60),
                ...(decision.why === undefined ? {} : { why: decision.why }),
              },
              nextActionAt: invoice.nextActionAt,
              policyVersion: invoice.policyVersion,
            },
          ],
    ),
    now,
  );
  const exceptions = noteExceptions(
    tx,
    all.map(({ news, exceptions }) => ({
      invoiceId: news.invoiceId,
      reference: news.reference,
      exceptions,
      facts: { source: news.source, code: codeOf(news.verdict).slice(0, 60) },
    })),
    now,
  );
  const stop = all.find((each) => each.stop !== null)?.stop ?? null;
  return [
    decisions.then(() => undefined),
    exceptions,
    saveSubscriptionStates(tx, tools.policy, all, now),
    setStop(tx, stop, tools.policy.zone, now),
  ];
}
