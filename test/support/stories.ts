import type { InvoiceId } from "../../src/kernel/ids.ts";
import type { Tier } from "../../src/simulator/world.ts";
import { type House as CalledHouse, NOTIFY, notify, type Reply } from "./gateway-calls.ts";
import { SECRET, type TestHouse } from "./house.ts";

/** What every story charges unless it says otherwise. */
export const AMOUNT = 99_000;
const RETURN_URLS = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };

export type Customer = { readonly reference: string; readonly phone: string };
/** A customer and the reference of the subscription whose first invoice is due. */
export type Due = Customer & { readonly subscription: string };

let customers = 0;

/** A customer whose wallet is linked, the page's part included. */
export async function addCustomer(
  home: TestHouse,
  wallet: { readonly balance?: number; readonly tier?: Tier } = {},
): Promise<Customer> {
  customers += 1;
  const customer = { reference: `cust-${customers}`, phone: `62812${String(customers).padStart(8, "0")}` };
  home.simulator.addWallet({ phone: customer.phone, balance: wallet.balance ?? 1_000_000, ...wallet });
  await home.api("POST", "/customers", { ...customer, name: "Budi" });
  await bind(home, customer);
  return customer;
}

/** Links (or links again) the customer's wallet. */
export async function bind(home: TestHouse, { reference, phone }: Customer): Promise<void> {
  await home.api("POST", `/customers/${reference}/bindings`, RETURN_URLS);
  home.simulator.finishLink(phone, "success");
  await home.settle();
}

/** A plan of `AMOUNT` a month (unless told) and a subscription to it that starts today. Answers its reference. */
export async function subscribe(
  home: TestHouse,
  { reference }: Customer,
  plan: { readonly amount?: number; readonly interval?: string; readonly start_on?: string } = {},
): Promise<string> {
  const { amount = AMOUNT, interval = "month", start_on } = plan;
  const code = `plan-${amount}-${interval}`;
  const known = await home.request("GET", `/plans/${code}`);
  if (known.status === 404) await home.api("POST", "/plans", { code, name: "Paket Pro", amount, interval });
  const subscription = `sub-of-${reference}`;
  const start = start_on === undefined ? {} : { start_on };
  await home.api("POST", "/subscriptions", {
    reference: subscription,
    customer: reference,
    plan: code,
    ...start,
  });
  return subscription;
}

/** A customer with money and an invoice that is due now, not yet looked at. */
export async function dueInvoice(
  home: TestHouse,
  wallet: { readonly balance?: number; readonly tier?: Tier; readonly amount?: number } = {},
): Promise<Due> {
  const { amount = AMOUNT, ...rest } = wallet;
  const customer = await addCustomer(home, rest);
  return { ...customer, subscription: await subscribe(home, customer, { amount }) };
}

/** As `dueInvoice`, for several customers: none of them is looked at before all are there. */
export async function dueInvoices(home: TestHouse, count: number): Promise<Due[]> {
  const made: Customer[] = [];
  for (let index = 0; index < count; index += 1) made.push(await addCustomer(home));
  const subscribed: Due[] = [];
  for (const customer of made)
    subscribed.push({ ...customer, subscription: await subscribe(home, customer) });
  return subscribed;
}

/** What a person reads of an invoice: by SQL, so that no screen can flatter. */
export type Story = {
  readonly id: InvoiceId;
  readonly state: string;
  readonly waitingFor: string | null;
  readonly nextActionAt: Date | null;
  readonly requestsUsed: number;
  readonly subscription: string;
  readonly attempts: readonly {
    readonly number: number;
    readonly reference: string;
    readonly state: string;
    readonly class: string | null;
    readonly message: string | null;
    readonly gatewayReference: string | null;
  }[];
  readonly requests: readonly {
    readonly attempt: number;
    readonly state: string;
    readonly body: string;
    readonly externalId: string;
    readonly code: string | null;
  }[];
  /** `source verdict`, oldest first. */
  readonly evidence: readonly string[];
  /** `rule`, oldest first, and the words of each. */
  readonly rules: readonly string[];
  readonly says: readonly string[];
  /** Kinds of exceptions, of this invoice or of none. */
  readonly exceptions: readonly string[];
};

/** The invoices of a subscription, oldest first. */
export async function stories(home: TestHouse, subscription: string): Promise<Story[]> {
  return home.query<Story>(
    `select i.id, i.state, i.waiting_for as "waitingFor", i.next_action_at as "nextActionAt",
            i.requests_used as "requestsUsed", s.state as subscription,
            coalesce((select json_agg(json_build_object('number', number, 'reference', a.reference, 'state', a.state,
                        'class', decline_class, 'message', message,
                        'gatewayReference', gateway_reference) order by number)
               from payment_attempts a where a.invoice_id = i.id), '[]') as attempts,
            coalesce((select json_agg(json_build_object('attempt', attempt_number, 'state', r.state, 'body', body,
                        'externalId', external_id, 'code', code) order by r.id)
               from requests r where r.invoice_id = i.id), '[]') as requests,
            array(select source || ' ' || verdict from evidence e where e.invoice_id = i.id order by e.id) as evidence,
            array(select rule from decisions d where d.invoice_id = i.id order by d.id) as rules,
            array(select says from decisions d where d.invoice_id = i.id order by d.id) as says,
            array(select kind from exceptions x where x.invoice_id = i.id or x.invoice_id is null order by x.id)
              as exceptions
       from invoices i join subscriptions s on s.id = i.subscription_id
      where s.reference = $1
      order by i.period_index, i.issue_number`,
    [subscription],
  );
}

/** The first invoice of a subscription. */
export async function story(home: TestHouse, subscription: string): Promise<Story> {
  const [first] = await stories(home, subscription);
  if (first === undefined) throw new Error(`${subscription} has no invoice`);
  return first;
}

/** How often, and under which references, money left a wallet. */
export function taken({ simulator }: TestHouse, { phone }: Pick<Customer, "phone">): string[] {
  const movements = simulator.ledger().filter((line) => line.kind === "payment" && line.phone === phone);
  return movements.map((line) => line.reference);
}

/** Payment calls as the gateway received them. */
export function payments({ simulator }: TestHouse) {
  return simulator.requests().filter(({ path }) => path.endsWith("/payment-host-to-host"));
}

/** A genuine payment notification with any content, sent as the gateway sends one. */
export function tell(
  home: TestHouse,
  reference: string,
  says: {
    readonly status?: string;
    readonly amount?: number;
    readonly customer?: string;
    readonly externalId?: string;
    readonly gatewayReference?: string;
  } = {},
): Promise<Reply> {
  const { status = "00", amount = AMOUNT, customer, externalId } = says;
  const body = JSON.stringify({
    originalPartnerReferenceNo: reference,
    originalReferenceNo: says.gatewayReference ?? "G-1",
    latestTransactionStatus: status,
    amount: { value: `${amount}.00`, currency: "IDR" },
    additionalInfo: {
      channelId: "EMONEY_OVO_SNAP",
      ...(customer === undefined ? {} : { custIdMerchant: customer }),
    },
  });
  return notify({ url: home.doors.url } as CalledHouse, {
    body,
    signedPath: NOTIFY,
    secret: SECRET,
    ...(externalId === undefined ? {} : { externalId }),
  });
}

/** Rows of the inbox, oldest first. */
export function inbox(home: TestHouse) {
  return home.query<{ state: string; reference: string; reused: boolean }>(
    `select state, reference, reused_id as reused from inbox where kind = 'payment' order by id`,
  );
}
