import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { addCustomer, bind, type Customer, payments, story, subscribe, taken } from "../support/stories.ts";

const UNBINDING = "/registration-account-unbinding";
const URLS = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };

async function bindingOf(home: TestHouse, { reference }: Pick<Customer, "reference">): Promise<string> {
  const { data } = (await home.api("GET", `/bindings?customer=${reference}&limit=200`)) as unknown as {
    readonly data: readonly { readonly id: string; readonly state: string }[];
  };
  return data.find(({ state }) => state === "active")?.id ?? data[0]?.id ?? "";
}

const unbind = (home: TestHouse, id: string) => home.request("DELETE", `/bindings/${id}`);

it("a wallet is unlinked at OVO and here; its open invoices wait for another and say why", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home, { balance: 0 });
  const subscription = await subscribe(home, customer);
  await home.settle();
  const id = await bindingOf(home, customer);
  expect(await unbind(home, id)).toMatchObject({
    status: 200,
    json: { state: "revoked", reason: "unlinked by sari", ended_at: expect.any(String) },
  });
  await home.settle();
  const waiting = await story(home, subscription);
  expect(waiting).toMatchObject({
    state: "open",
    waitingFor: "method",
    nextActionAt: new Date("2027-03-22T01:00:00Z"),
    subscription: "past_due",
  });
  expect(waiting.says).toContain(
    "the wallet was unlinked by sari: nothing is charged until a wallet is linked",
  );
  home.simulator.changeWallet(customer.phone, { balance: 500_000 });
  await home.live({ days: 10 });
  expect(payments(home)).toEqual([]);
  // Linked again, the open invoice is collected.
  await bind(home, customer);
  await home.live({ days: 1 });
  expect(await story(home, subscription)).toMatchObject({ state: "paid", subscription: "active" });
  expect(taken(home, customer)).toHaveLength(1);
});

it("unlinking again, or a wallet whose owner unlinked in the app, is a success", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  const id = await bindingOf(home, customer);
  home.simulator.unlink(customer.phone);
  const first = await unbind(home, id);
  expect(first).toMatchObject({
    status: 200,
    json: { state: "revoked", reason: "unlinked by sari; at OVO the link was gone already" },
  });
  expect(await unbind(home, id)).toEqual(first);
  expect(home.simulator.requests().filter(({ path }) => path.endsWith(UNBINDING))).toEqual([]);
});

it.each(["4010902", "4040911"])(
  "refused as %s with a token exchanged just now, the link is gone",
  async (outcome) => {
    const home = await buildHouse();
    const id = await bindingOf(home, await addCustomer(home));
    home.simulator.script({ match: { path: UNBINDING }, outcome });
    expect(await unbind(home, id)).toMatchObject({ status: 200, json: { state: "revoked" } });
  },
);

it.each(["5000900", "timeout-before-commit", "reset-before-commit"])(
  "with the gateway's %s nothing is changed, and asking again works",
  async (outcome) => {
    const home = await buildHouse({ timeoutMs: 700 });
    const customer = await addCustomer(home);
    const id = await bindingOf(home, customer);
    home.simulator.script({ match: { path: UNBINDING }, outcome });
    expect(await unbind(home, id)).toMatchObject({ status: 503 });
    expect(await home.api("GET", `/bindings/${id}`)).toMatchObject({ state: "active" });
    expect(await unbind(home, id)).toMatchObject({ status: 200, json: { state: "revoked" } });
  },
);

it("an unlinking whose answer is lost is a success when it is asked again", async () => {
  const home = await buildHouse({ timeoutMs: 700 });
  const id = await bindingOf(home, await addCustomer(home));
  home.simulator.script({ match: { path: UNBINDING }, outcome: "timeout-after-commit" });
  expect(await unbind(home, id)).toMatchObject({ status: 503 });
  expect(await unbind(home, id)).toMatchObject({ status: 200, json: { state: "revoked" } });
});

it("wrong keys of ours unlink nothing, and a person is told", async () => {
  const home = await buildHouse();
  const id = await bindingOf(home, await addCustomer(home));
  home.simulator.script({ match: { path: "/access-token/b2b2c" }, outcome: "4017400", times: 9 });
  home.simulator.script({ match: { path: "/access-token/b2b" }, outcome: "4017300", times: 9 });
  expect(await unbind(home, id)).toMatchObject({ status: 503 });
  expect(await home.api("GET", `/bindings/${id}`)).toMatchObject({ state: "active" });
  expect(await home.query(`select kind from exceptions`)).toEqual([{ kind: "gateway_refuses_us" }]);
});

it("unlinked while its balance is read, the wallet is not charged", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  const subscription = await subscribe(home, customer);
  const id = await bindingOf(home, customer);
  home.proxy({
    balance: async (token) => {
      const answer = await home.house.collect.gateway.balance(token);
      await unbind(home, id);
      return answer;
    },
  });
  await home.settle();
  expect(payments(home)).toEqual([]);
  expect(await story(home, subscription)).toMatchObject({
    state: "open",
    waitingFor: "method",
    attempts: [],
  });
});

it("a binding that is not finished cannot be unlinked, and one that is unknown is not found", async () => {
  const home = await buildHouse();
  const customer = { reference: "cust-pending", phone: "6281299998888" };
  home.simulator.addWallet({ phone: customer.phone, balance: 1 });
  await home.api("POST", "/customers", { ...customer, name: "Sari" });
  const { id } = await home.api("POST", `/customers/${customer.reference}/bindings`, URLS);
  expect(await unbind(home, String(id))).toMatchObject({ status: 409 });
  expect(await unbind(home, "0b9d3c70-3f5c-5c0f-8f7e-0f4f0a1b2c3d")).toMatchObject({ status: 404 });
});

it("a wallet that pays for another customer is told so, and can be linked once it is unlinked there", async () => {
  const home = await buildHouse();
  const first = await addCustomer(home);
  const second = { reference: "cust-second", phone: first.phone };
  await home.api("POST", "/customers", { ...second, name: "Sari" });
  const refused = await home.request("POST", `/customers/${second.reference}/bindings`, URLS);
  expect(refused).toMatchObject({
    status: 409,
    json: { detail: "this OVO wallet is linked to another customer of yours; one wallet pays for one" },
  });
  await unbind(home, await bindingOf(home, first));
  await bind(home, second);
  expect(await home.api("GET", `/bindings/${await bindingOf(home, second)}`)).toMatchObject({
    state: "active",
  });
});

it("a wallet that OVO has blocked for a day is told so, and can be linked the day after", async () => {
  const home = await buildHouse();
  const customer = { reference: "cust-blocked", phone: "6281299997777" };
  home.simulator.addWallet({ phone: customer.phone, balance: 500_000 });
  await home.api("POST", "/customers", { ...customer, name: "Sari" });
  const subscription = await subscribe(home, customer);
  const outcome = "4030715:OVO account blocked temporary";
  home.simulator.script({ match: { path: "/registration-account-binding" }, outcome });
  const refused = await home.request("POST", `/customers/${customer.reference}/bindings`, URLS);
  expect(refused).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("try again in a day") },
  });
  await home.live({ days: 1 });
  await bind(home, customer);
  await home.live({ hours: 1 });
  expect(await story(home, subscription)).toMatchObject({ state: "paid" });
  expect(taken(home, customer)).toHaveLength(1);
});
