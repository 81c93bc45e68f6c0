// The guards that keep money right, each with what is taken away to prove it and the test that must then fail.

export type Guard = {
  readonly name: string;
  readonly file: string;
  /** Text that stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly test: string;
  /** The test's name, or the beginning of it. */
  readonly dies: string;
};

const INVOICES = "migrations/1796000000006-create-invoices.ts";
const HOT_ROWS = "migrations/1796000000013-lighten-hot-rows.ts";

export const GUARDS: readonly Guard[] = [
  {
    name: "lease",
    file: "src/invoices/facts.store.ts",
    find: "        and (leased_until is null or leased_until <= clock_timestamp())\n",
    replace: "",
    test: "test/doors/twenty-workers.test.ts",
    dies: "twenty workers",
  },
  {
    name: "lease number before an intent is written",
    file: "src/invoices/write-intents.flow.ts",
    find: `  if (facts.invoice.leaseNo !== intent.leaseNo) return { kind: "lost" };\n`,
    replace: "",
    test: "test/store/attempts.test.ts",
    dies: "under a lease that another worker has taken since is lost",
  },
  {
    name: "unique index: one live attempt per invoice",
    file: HOT_ROWS,
    find: "create unique index payment_attempts_one_live on payment_attempts (invoice_id) where closed_at",
    replace: "create index payment_attempts_one_live on payment_attempts (invoice_id) where closed_at",
    test: "test/store/attempts.test.ts",
    dies: "a second attempt while one is",
  },
  {
    name: "unique index: one invoice per period",
    file: INVOICES,
    find: "create unique index invoices_one_per_period",
    replace: "create index invoices_one_per_period",
    test: "test/store/invoices.test.ts",
    dies: "a second invoice for a period",
  },
  {
    name: "periods do not overlap",
    file: "migrations/1796000000015-leave-room-in-pages.ts",
    find: "and (before.period_end > o.period_start or after.period_start < o.period_end)",
    replace: "and false",
    test: "test/store/invoices.test.ts",
    dies: "a second invoice for a period",
  },
  {
    name: "unique reference",
    file: INVOICES,
    find: "constraint payment_attempts_reference_unique unique (reference)",
    replace: "constraint payment_attempts_reference_unique unique (reference, invoice_id, number)",
    test: "test/store/attempts.test.ts",
    dies: "a reference or a decision that another attempt has",
  },
  {
    name: "evidence of notifications is kept once",
    file: INVOICES,
    find: "nulls not distinct where source = 'notification'",
    replace: "where source = 'notification'",
    test: "test/store/requests.test.ts",
    dies: "of a notification that says the same again is kept once",
  },
  {
    name: "intent before send: the request row",
    file: "src/invoices/write-intents.flow.ts",
    find: "  const written = insertRequests(\n    tx,\n    going.map(",
    replace: "  const written = insertRequests(\n    tx,\n    going.slice(going.length).map(",
    test: "test/store/attempts.test.ts",
    dies: "leaves attempt, decision and request rows",
  },
  {
    name: "doubt first",
    file: "src/invoices/next-step.ts",
    find: "  if (live !== null) return stepForLive(facts, live, policy, now);\n",
    replace: '  if (live?.state === "review") return stepForLive(facts, live, policy, now);\n',
    test: "test/unit/next-step.test.ts",
    dies: "a live attempt blocks every new one",
  },
  {
    name: "proof of not-found",
    file: "src/invoices/inquiry-ladder.ts",
    find: "export const NOT_FOUND_SPREAD_MS = 60 * 60_000;",
    replace: "export const NOT_FOUND_SPREAD_MS = 0;",
    test: "test/unit/apply-verdict.test.ts",
    dies: "doubt 'not found' is proved",
  },
  {
    name: "success wins over a later refusal",
    file: "src/invoices/apply-decline.ts",
    find: `  if (attempt.state === "succeeded")\n`,
    replace: `  if (attempt.state === "succeeded" && attempt.number < 0)\n`,
    test: "test/unit/apply-verdict.test.ts",
    dies: "a definite no after a success",
  },
  {
    name: "a refusal after a re-send is doubt",
    file: "src/invoices/apply-decline.ts",
    find: `  if (news.source === "answer" && mayHaveLeft(attempt, news.requestId))\n`,
    replace: `  if (news.source === "answer" && attempt.number < 0 && mayHaveLeft(attempt, news.requestId))\n`,
    test: "test/unit/apply-verdict.test.ts",
    dies: "a definite no that answers a re-send",
  },
  {
    name: "amount check",
    file: "src/invoices/apply-success.ts",
    find: "amount !== null && amount !== attempt.amount",
    replace: "amount !== null && amount < 0",
    test: "test/unit/apply-verdict.test.ts",
    dies: "success with another amount",
  },
  {
    name: "rows are locked in id order",
    file: "src/invoices/facts.store.ts",
    find: "from invoices where id = any($1::uuid[]) order by id for update`",
    replace: "from invoices where id = any($1::uuid[]) order by random() for update`",
    test: "test/store/lock-order.test.ts",
    dies: "two writers of the same invoices",
  },
  {
    name: "unique index: one live refund per payment",
    file: "migrations/1796000000014-create-refunds.ts",
    find: "create unique index refunds_one_live",
    replace: "create index refunds_one_live",
    test: "test/store/refunds.test.ts",
    dies: "a payment has one live refund",
  },
  {
    name: "a transaction that is over takes no more statements",
    file: "src/platform/database.ts",
    find: `    if (over) throw new InvariantError("a statement came after the end of its transaction");\n`,
    replace: "",
    test: "test/store/database.test.ts",
    dies: "statements side by side share a transaction",
  },
  {
    name: "references are derived",
    file: "src/invoices/reference.ts",
    find: "uuidV5(`",
    replace: "uuidV5(performance.now() + `",
    test: "test/unit/reference.test.ts",
    dies: "the same debt has the same name",
  },
  {
    name: "self-healing heartbeat",
    file: "src/app/worker.ts",
    find: "    await keepBeating(house, ticks, beat, skewed);\n",
    replace: "",
    test: "test/doors/heartbeat.test.ts",
    dies: "a wiped queue costs a few beats",
  },
];
