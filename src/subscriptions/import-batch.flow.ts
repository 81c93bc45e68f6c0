import { currentBindingsOf } from "../customers/binding.store.ts";
import { lockCustomers } from "../customers/customer.store.ts";
import { type Customer, isErased, phoneContext } from "../customers/customer.ts";
import { customersByReferences, insertCustomers } from "../customers/many-customers.store.ts";
import { parsePhone } from "../customers/phone.ts";
import { AppError, ConflictError, InvalidError } from "../kernel/errors.ts";
import type { CustomerId, PlanId, SubscriptionId } from "../kernel/ids.ts";
import { type Instant, localDateAt } from "../kernel/time.ts";
import { plansByCodes } from "../plans/many-plans.store.ts";
import type { PricedPlan } from "../plans/priced-plan.ts";
import type { Tx } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import type { Sealer } from "../platform/secrets.ts";
import { activation } from "./activation.ts";
import type { SubscriptionTools } from "./create-subscription.flow.ts";
import { type Imported, importedByReferences, liveSubscriptionsBetween, pairKey } from "./import.store.ts";
import { type ImportOutcome, imported, refused, unchanged } from "./import-outcome.ts";
import type { ImportRow } from "./import-row.ts";
import { agreementOf, changedColumns, firstPeriodToBill, importedTerms } from "./import-terms.ts";
import { insertSubscriptions } from "./subscription.store.ts";
import { newlyAgreed, type Subscription } from "./subscription.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";
import type { NewSubscriptionChange } from "./subscription-change.ts";

export type ImportTools = SubscriptionTools & { readonly sealer: Sealer };

/** A line whose cells could be read. */
export type ImportLine = { readonly line: number; readonly row: ImportRow };

type Batch = {
  readonly actor: string;
  /** Customers that exist are held: a wallet that is being linked meanwhile is seen, or sees the subscription. */
  readonly holdsCustomers: boolean;
};

/**
 * Decides about lines of an import, in their order, and stores what is good; no reference stands twice. Throws
 * `ConflictError` when somebody else took a reference in the same moment: then nothing of it is stored.
 */
export async function importBatch(
  tools: ImportTools,
  tx: Tx,
  lines: readonly ImportLine[],
  batch: Batch,
): Promise<ImportOutcome[]> {
  const facts = await readFacts(tools, tx, lines, batch);
  const made: Made = { customers: new Map(), subscriptions: [], changes: [] };
  const outcomes = lines.map((line) => decide(tools, facts, made, line));
  if (made.subscriptions.length > 0) await store(tx, made, facts.now);
  return outcomes;
}

type Facts = {
  readonly actor: string;
  readonly now: Instant;
  readonly customers: ReadonlyMap<string, Customer>;
  readonly linked: ReadonlySet<CustomerId>;
  readonly plans: ReadonlyMap<string, PricedPlan>;
  readonly there: ReadonlyMap<string, Imported>;
  /** By `pairKey`; grows with what is made. */
  readonly live: Map<string, string>;
};

type Made = {
  readonly customers: Map<string, Customer>;
  readonly subscriptions: Subscription[];
  readonly changes: NewSubscriptionChange[];
};

async function store(tx: Tx, made: Made, now: Instant): Promise<void> {
  const customers = [...made.customers.values()];
  const newCustomers = await insertCustomers(tx, customers);
  const newSubscriptions = await insertSubscriptions(tx, made.subscriptions, now);
  if (newCustomers.size < customers.length || newSubscriptions.size < made.subscriptions.length)
    throw new ConflictError("somebody else stored the same reference in this moment");
  await appendSubscriptionChanges(tx, made.changes);
}

async function readFacts(
  { clock }: ImportTools,
  tx: Tx,
  lines: readonly ImportLine[],
  { actor, holdsCustomers }: Batch,
): Promise<Facts> {
  const each = (pick: (row: ImportRow) => string) => [...new Set(lines.map(({ row }) => pick(row)))].sort();
  const now = await clock.now(tx);
  const customers = await customersOf(
    tx,
    each((row) => row.customer),
    holdsCustomers,
  );
  const ids = [...customers.values()].map(({ id }) => id);
  const plans = await plansByCodes(
    tx,
    each((row) => row.plan),
  );
  const planIds = [...plans.values()].map(({ plan }) => plan.id);
  const bindings = await currentBindingsOf(tx, ids);
  return {
    actor,
    now,
    customers,
    plans,
    linked: new Set(ids.filter((id) => ["active", "suspended"].includes(bindings.get(id)?.state ?? ""))),
    there: await importedByReferences(
      tx,
      each((row) => row.reference),
    ),
    live: await liveSubscriptionsBetween(tx, ids, planIds),
  };
}

/** Read again once they are held: somebody may have changed or erased one in between. */
async function customersOf(tx: Tx, references: readonly string[], hold: boolean) {
  const found = await customersByReferences(tx, references);
  if (!hold || found.size === 0) return found;
  await lockCustomers(
    tx,
    [...found.values()].map(({ id }) => id),
  );
  return customersByReferences(tx, references);
}

/** Adds what the line makes to `made`, and says what became of it. */
function decide(tools: ImportTools, facts: Facts, made: Made, { line, row }: ImportLine): ImportOutcome {
  try {
    const plan = facts.plans.get(row.plan);
    if (plan === undefined) throw wrong("plan", `there is no plan ${row.plan}`);
    const there = facts.there.get(row.reference);
    return there === undefined
      ? make(tools, facts, made, { line, row, plan })
      : compare(tools, facts, { line, row, plan }, there);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "invariant") throw error;
    return refused(line, row.reference, error);
  }
}

type Planned = ImportLine & { readonly plan: PricedPlan };

function compare(
  { sealer, billingZone }: ImportTools,
  { customers, now }: Facts,
  { line, row, plan }: Planned,
  { agreed }: Imported,
): ImportOutcome {
  if (agreed === null) {
    throw wrong(
      "reference",
      `${row.reference} is there already and did not come from an import; leave the line out`,
    );
  }
  const terms = importedTerms(row, plan, localDateAt(now, row.zone ?? billingZone));
  const [column] = changedColumns(row, terms, agreed);
  if (column !== undefined) {
    const was = `${row.reference} was imported with ${agreed[column] ?? "none"}`;
    throw wrong(column, `${was}; an import changes nothing that is there`);
  }
  const customer = customers.get(row.customer);
  if (customer !== undefined && !isErased(customer)) demandSame(sealer, row, customer);
  return unchanged(line, row.reference);
}

function make(tools: ImportTools, facts: Facts, made: Made, { line, row, plan }: Planned): ImportOutcome {
  const { now, actor } = facts;
  const zone = row.zone ?? tools.billingZone;
  const today = localDateAt(now, zone);
  const terms = importedTerms(row, plan, today);
  const period = firstPeriodToBill(terms.terms, row.nextBillOn, today);
  const customer = customerFor(tools, facts, made, row);
  demandOnly(facts, customer.id, { row, planId: plan.plan.id });
  const agreed: Subscription = {
    ...newlyAgreed({
      id: randomUuid() as SubscriptionId,
      reference: row.reference,
      customerId: customer.id,
      planId: plan.plan.id,
      planVersionId: terms.price.id,
      zone,
      terms: terms.terms,
      startFloats: false,
      catchUpPolicy: null,
    }),
    nextIndex: period.index,
  };
  const isLinked = facts.linked.has(customer.id);
  const subscription = isLinked ? running(agreed, now, tools.windowFrom) : agreed;
  if (!facts.customers.has(row.customer)) made.customers.set(row.customer, customer);
  facts.live.set(pairKey(customer.id, plan.plan.id), row.reference);
  made.subscriptions.push(subscription);
  made.changes.push({
    subscriptionId: subscription.id,
    kind: "imported",
    at: now,
    actor,
    reason: null,
    details: {
      line,
      state: subscription.state,
      agreed: agreementOf(row, terms, { nextBillOn: period.start, zone }),
    },
  });
  return imported(line, row.reference, { from: period.start, isLinked });
}

function running(subscription: Subscription, now: Instant, windowFrom: string | null): Subscription {
  const begun = activation(subscription, now, windowFrom);
  // Not over: a period to bill was found, and `now` is the same.
  if (begun.kind === "over") return subscription;
  const { state, nextIndex, nextInvoiceAt } = begun;
  return { ...subscription, state, nextIndex, nextInvoiceAt };
}

/** The customer of the line: who is there, or an earlier line has made, or a new one. */
function customerFor(
  { sealer }: ImportTools,
  { customers, now }: Facts,
  made: Made,
  row: ImportRow,
): Customer {
  const known = customers.get(row.customer) ?? made.customers.get(row.customer);
  if (known !== undefined) {
    if (isErased(known)) throw wrong("customer", `${row.customer} was erased; leave the line out`);
    demandSame(sealer, row, known);
    return known;
  }
  if (row.customerName === null) throw wrong("customer_name", newCustomerNeeds(row.customer));
  if (row.phone === null) throw wrong("phone", newCustomerNeeds(row.customer));
  const id = randomUuid() as CustomerId;
  const phone = parsePhone(row.phone);
  return {
    id,
    reference: row.customer,
    name: row.customerName,
    phone: sealer.seal(phone, phoneContext(id)),
    phoneIndex: sealer.blindIndex(phone),
    email: row.email,
    createdAt: now,
  };
}

function newCustomerNeeds(reference: string): string {
  return `there is no customer ${reference} yet, and a new one needs customer_name and phone`;
}

/** Nothing about a customer is changed in passing: somebody may have written an older file over a newer number. */
function demandSame(sealer: Sealer, row: ImportRow, customer: Customer): void {
  const says = (what: string) =>
    `the customer ${row.customer} has another ${what}; correct the line, or change it with \`tagih customer update\``;
  if (row.phone !== null && sealer.blindIndex(parsePhone(row.phone)) !== customer.phoneIndex)
    throw wrong("phone", says("number"));
  if (row.customerName !== null && row.customerName !== customer.name)
    throw wrong("customer_name", says("name"));
  if (row.email !== null && row.email !== customer.email) throw wrong("email", says("e-mail address"));
}

/** As when one is created by hand: a second one to the same plan is usually the same one twice. */
function demandOnly(
  { live }: Facts,
  customerId: CustomerId,
  { row, planId }: { readonly row: ImportRow; readonly planId: PlanId },
): void {
  const other = live.get(pairKey(customerId, planId));
  if (other === undefined || row.allowSecond) return;
  const says = `${row.customer} already has the subscription ${other} to ${row.plan}; say true in allow_second if a second one is meant`;
  throw wrong("plan", says);
}

function wrong(column: string, says: string): InvalidError {
  return new InvalidError(`${column}: ${says}`, { field: column });
}
