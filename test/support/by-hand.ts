import { expect } from "vitest";
import type { TestHouse } from "./house.ts";
import { AMOUNT, type Due, dueInvoice, type Story, story } from "./stories.ts";

type Doing = "void" | "write-off" | "mark-paid" | "reopen" | "reissue" | "collect" | "pay-link";

let keys = 0;

/** A person's order, as the back office sends it; answers the status too. */
export function order(
  home: TestHouse,
  { id }: { readonly id: string },
  doing: Doing,
  body: object = {},
  key?: string,
) {
  keys += 1;
  const proof = doing === "mark-paid" ? { proof: "BCA 0001" } : {};
  const plain = doing === "collect" || doing === "pay-link";
  return home.request(
    "POST",
    `/invoices/${id}/${doing}`,
    plain ? undefined : { reason: "as the customer asked", ...proof, ...body },
    { "idempotency-key": key ?? `by-hand-${keys}` },
  );
}

/** An invoice as the API shows it. */
export const view = async (home: TestHouse, { id }: { readonly id: string }) =>
  home.api("GET", `/invoices/${id}`);

/** An invoice whose wallet was empty and is not any more; the machine tries again in the morning. */
export async function inDunning(home: TestHouse): Promise<Due & Story> {
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  home.simulator.changeWallet(customer.phone, { balance: 3 * AMOUNT });
  const invoice = await story(home, customer.subscription);
  expect(invoice).toMatchObject({ state: "open", subscription: "past_due" });
  return { ...customer, ...invoice, subscription: customer.subscription };
}

/** An invoice whose payment was accepted and of which nothing more was heard. */
export async function onItsWay(home: TestHouse): Promise<Due & Story> {
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  await home.settle();
  const invoice = await story(home, customer.subscription);
  expect(invoice.attempts).toMatchObject([{ state: "pending" }]);
  return { ...customer, ...invoice, subscription: customer.subscription };
}

/** An invoice whose first attempt the gateway declined; the next try is planned for tomorrow. */
export async function declinedOnce(home: TestHouse): Promise<Due & Story & { readonly reference: string }> {
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035414" });
  await home.settle();
  const invoice = await story(home, customer.subscription);
  const reference = invoice.attempts[0]?.reference ?? "";
  return { ...customer, ...invoice, subscription: customer.subscription, reference };
}
