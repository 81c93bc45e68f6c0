import axios from "axios";
import { ConflictError } from "../../kernel/errors.ts";
import { formatRupiah } from "../../kernel/money.ts";
import { type Instant, localDateAt } from "../../kernel/time.ts";
import { until as waitUntil } from "../../platform/timer.ts";
import { type ApiClient, apiClient } from "./api-client.ts";
import { live, type Narrator } from "./play.ts";
import type { Sample } from "./sample.ts";
import type { Stage } from "./stage.ts";

const SARI = { reference: "ibu-sari", name: "Ibu Sari", phone: "6281200009999", email: "sari@example.com" };
const PLAN = { code: "yoga", name: "Kelas Yoga", amount: 120_000, interval: "month" };
const RETURN_URLS = {
  success_url: "https://merchant.example/linked",
  failed_url: "https://merchant.example/not-linked",
};
const NOBODY_ELSE: Sample = { plans: [], subscriptions: [] };
/** Real time that one thing may take on a slow machine. */
const PATIENCE_MS = 30_000;

type Told = Readonly<Record<string, unknown>>;

/** One customer's life with a wallet, told line by line: link, balance, charge, pay link, refund, unlink. */
export async function followOneCustomer(stage: Stage, start: Instant, narrate: Narrator): Promise<void> {
  const api = apiClient(stage.doors.url, stage.apiKey);
  const today = localDateAt(start, stage.house.policy.zone);
  narrate("");
  narrate(`One customer, from the first link to the last (${SARI.name}, ${today}):`);
  const binding = await link(stage, api, narrate);
  await api.post("/plans", PLAN);
  const first = await subscribe(stage, api, "yoga-1", { start, today, hours: 5 });
  narrate(
    `  3. charge     POST /subscriptions → invoice of ${today} is ${first["state"]}; nobody touched a phone`,
  );
  stage.simulator.changeWallet(SARI.phone, { balance: 10_000 });
  const second = await subscribe(stage, api, "yoga-2", { start, today, hours: 7 });
  narrate(`                the next one is ${second["state"]}: ${await lastWords(api, second)}`);
  await payByPage(stage, api, second, narrate);
  await giveBack(stage, api, second, narrate);
  const { state, reason } = await api.delete(`/bindings/${binding}`);
  narrate(`  6. unlink     DELETE /bindings/… → ${state}, ${reason}`);
}

async function link({ simulator }: Stage, api: ApiClient, narrate: Narrator): Promise<unknown> {
  simulator.addWallet({ phone: SARI.phone, balance: 500_000, tier: "premier" });
  await api.post("/customers", SARI);
  const { id, state } = await api.post(`/customers/${SARI.reference}/bindings`, RETURN_URLS);
  simulator.finishLink(SARI.phone, "success");
  await becomes(api, `/bindings/${id}`, "active");
  narrate(`  1. link       POST /customers/…/bindings → ${state}; OTP and PIN on OVO's page → active`);
  const { available } = await api.get(`/bindings/${id}/balance`);
  narrate(`  2. balance    GET /bindings/…/balance → ${formatRupiah(Number(available))}`);
  return id;
}

/** Subscribes from today and lives on for some hours of business time; answers the first invoice. */
async function subscribe(
  stage: Stage,
  api: ApiClient,
  reference: string,
  { start, today, hours }: { readonly start: Instant; readonly today: string; readonly hours: number },
): Promise<Told> {
  const wanted = { customer: SARI.reference, plan: PLAN.code, start_on: today };
  // The second one is meant: without the word it would be taken for a slip.
  await api.post("/subscriptions", { ...wanted, reference, allow_second: true });
  const silent = Object.assign(() => {}, { progress: () => {} });
  await live(stage, NOBODY_ELSE, { start, end: start.plus({ hours }) }, silent);
  const { data } = await api.get(`/subscriptions/${reference}/invoices`);
  const [invoice] = data as readonly Told[];
  if (invoice === undefined) throw new ConflictError(`${reference} has no invoice`);
  return invoice;
}

async function lastWords(api: ApiClient, { id }: Told): Promise<string> {
  const { data } = await api.get(`/invoices/${id}/decisions`);
  return String((data as readonly Told[]).at(-1)?.["says"]);
}

async function payByPage(
  { simulator }: Stage,
  api: ApiClient,
  { id }: Told,
  narrate: Narrator,
): Promise<void> {
  const page = await api.post(`/invoices/${id}/pay-link`, {});
  simulator.changeWallet(SARI.phone, { balance: 300_000 });
  // The customer's part: the PIN, on the gateway's page.
  const confirm = new URLSearchParams({ action: "confirm" });
  await axios.post(String(page["redirect_url"]), confirm, {
    maxRedirects: 0,
    validateStatus: () => true,
    proxy: false,
  });
  const { state } = await becomes(api, `/invoices/${id}`, "paid");
  narrate(`  4. pay link   POST /invoices/…/pay-link → a page; topped up, confirmed with the PIN → ${state}`);
}

async function giveBack(
  { simulator }: Stage,
  api: ApiClient,
  { id }: Told,
  narrate: Narrator,
): Promise<void> {
  const asked = await api.post(`/invoices/${id}/refunds`, { reason: "the class was canceled" });
  const { state, amount } = await becomes(api, `/refunds/${asked["id"]}`, "refunded");
  const balance = simulator.wallet(SARI.phone)?.balance ?? 0;
  narrate(
    `  5. refund     POST /invoices/…/refunds → ${state} ${formatRupiah(Number(amount))}; in the wallet ${formatRupiah(balance)}`,
  );
}

/** Looks until a thing is in a state: the worker and the gateway have their part in it. */
function becomes(api: ApiClient, path: string, state: string): Promise<Told> {
  return waitUntil(`${path} is ${state}`, PATIENCE_MS, async () => {
    const seen = await api.get(path);
    return seen["state"] === state ? seen : null;
  });
}
