import { AppError, InvariantError } from "../kernel/errors.ts";
import type { ApiRoute } from "../platform/api-route.ts";
import type { InProcessSimulator } from "../simulator/in-process.ts";
import type { Wish } from "./happenings.ts";
import type { Person } from "./population.ts";

/** A call on the merchant's API, as its programs make it; the body is read by the route's own schema. */
export type Call = (
  route: string,
  params?: Readonly<Record<string, string>>,
  body?: object,
) => Promise<Answer>;
type Answer = Readonly<Record<string, unknown>>;

const ACTOR = { name: "simulated", role: "admin" } as const;
const RETURN_URLS = {
  success_url: "https://merchant.example/linked",
  failed_url: "https://merchant.example/not-linked",
};

/** Makes calls by the routes themselves, without a socket: `POST /plans`. */
export function caller(routes: readonly ApiRoute[]): Call {
  const byName = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));
  return async (name, params = {}, body = {}) => {
    const route = byName.get(name);
    if (route === undefined) throw new Error(`there is no route ${name}`);
    const request = {
      params,
      body: route.body?.parse(body),
      query: route.query?.parse({}),
      actor: ACTOR,
      dryRun: false,
    };
    return (await route.run(request as never)) as Answer;
  };
}

/** Opens a customer's wallet and links it. */
export async function linkWallet(call: Call, gateway: InProcessSimulator, person: Person): Promise<void> {
  await call("POST /customers/:reference/bindings", { reference: person.customer }, RETURN_URLS);
  // The customer's part: OTP and PIN on OVO's page.
  gateway.finishLink(person.phone, "success");
}

/** Whether it was done, was refused in words, or there was nothing to do it to. */
export type Granted = "done" | "refused" | "nothing";

/** Has the merchant do what somebody wishes. Throws only what nobody expects. */
export async function fulfil(
  call: Call,
  gateway: InProcessSimulator,
  { person, ...wish }: Wish & { readonly person: Person },
): Promise<Granted> {
  try {
    return (await attempt(call, gateway, person, wish)) ? "done" : "nothing";
  } catch (error) {
    if (error instanceof AppError && !(error instanceof InvariantError)) return "refused";
    throw error;
  }
}

async function attempt(
  call: Call,
  gateway: InProcessSimulator,
  person: Person,
  { wish, subscription, body }: Wish,
): Promise<boolean> {
  const { reference } = subscription;
  switch (wish) {
    case "discount": {
      const { reason, ...discount } = body;
      await call("POST /subscriptions/:reference/discounts", { reference }, { ...discount, reason });
      return true;
    }
    case "refund":
      return onInvoice(call, reference, "paid", (id) => call("POST /invoices/:id/refunds", { id }, body));
    case "mark-paid":
    case "void":
    case "collect":
      return onInvoice(call, reference, "open", (id) =>
        call(`POST /invoices/:id/${wish}`, { id }, wish === "collect" ? {} : body),
      );
    case "pay-link":
      return onInvoice(call, reference, "open", async (id) => {
        const page = await call("POST /invoices/:id/pay-link", { id });
        gateway.endPayPage(String(page["reference"]), "confirm", person.phone);
      });
    case "link-again":
      // Whose app still shows the link does not think of it.
      return !gateway.isLinked(person.phone) && bind(call, gateway, person, wish);
    case "unbind":
      return bind(call, gateway, person, wish);
    default:
      await call(`POST /subscriptions/:reference/${wish}`, { reference }, body);
      return true;
  }
}

/** Links a wallet that is not linked, or has the merchant end the link. */
async function bind(
  call: Call,
  gateway: InProcessSimulator,
  person: Person,
  wish: "link-again" | "unbind",
): Promise<boolean> {
  const { binding } = await call("GET /customers/:reference", { reference: person.customer });
  const { id, state } = (binding ?? {}) as { readonly id?: string; readonly state?: string };
  const isLinked = state === "active" || state === "suspended" || state === "pending";
  if ((wish === "unbind") !== isLinked) return false;
  if (id !== undefined && isLinked) await call("DELETE /bindings/:id", { id });
  else await linkWallet(call, gateway, person);
  return true;
}

/** On the newest invoice of that state, if there is one. */
async function onInvoice(
  call: Call,
  reference: string,
  state: string,
  work: (id: string) => Promise<unknown>,
): Promise<boolean> {
  const { data } = await call("GET /subscriptions/:reference/invoices", { reference });
  const found = (data as readonly Answer[]).findLast((invoice) => invoice["state"] === state);
  if (found === undefined) return false;
  await work(String(found["id"]));
  return true;
}
