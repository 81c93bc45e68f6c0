import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { dueInvoice, story, taken } from "../support/stories.ts";

const WHY = { reason: "the customer asked for it" };

async function unbind(home: TestHouse, reference: string): Promise<void> {
  const { binding } = (await home.api("GET", `/customers/${reference}`)) as { binding: { id: string } };
  await home.api("DELETE", `/bindings/${binding.id}`);
}

/** Everything that the rows of customers and bindings hold, as text. */
async function personalRows(home: TestHouse): Promise<string> {
  const rows = await home.query(
    `select (select string_agg(c::text, ' ') from customers c) as customers,
            (select string_agg(b::text, ' ') from bindings b) as bindings`,
  );
  return JSON.stringify(rows);
}

it("a customer is erased only when nothing is owed, linked or to come; what was paid stays", async () => {
  const home = await buildHouse();
  const { reference, subscription, ...customer } = await dueInvoice(home, { balance: 0 });
  await home.api("PATCH", `/customers/${reference}`, { email: "budi@example.com" });
  await home.settle();
  const erase = () => home.request("POST", `/customers/${reference}/erase`, WHY);
  const { id } = await story(home, subscription);
  expect((await erase()).json["detail"]).toMatch(/a wallet is linked/);

  home.simulator.changeWallet(customer.phone, { add: 500_000 });
  await home.live({ days: 2 });
  expect((await story(home, subscription)).state).toBe("paid");
  await unbind(home, reference);
  expect((await erase()).json["detail"]).toMatch(
    new RegExp(`subscription ${subscription} is \\w+: cancel it first`),
  );
  await home.query(
    `update subscriptions set state = 'canceled', ended_at = now(), next_invoice_at = null, end_reason = 'left'`,
  );
  const before = await home.api("GET", `/invoices/${id}`);
  expect(await erase()).toMatchObject({
    status: 200,
    json: { reference, name: "erased", phone: null, email: null, binding: { state: "revoked" } },
  });

  const rows = await personalRows(home);
  expect(rows).not.toMatch(/budi@example\.com|Budi/);
  const left = await home.query(
    `select count(*)::int as n from bindings where auth_code is not null or customer_token is not null
        or refresh_token is not null or redirect_url is not null or phone_index <> ''`,
  );
  expect(left).toEqual([{ n: 0 }]);
  expect(await home.api("GET", `/invoices/${id}`)).toEqual(before);
  expect(taken(home, customer)).toHaveLength(1);
  expect(await home.api("GET", "/customers")).toMatchObject({ data: [{ reference, phone: null }] });
});

it("an open invoice keeps its customer, also without a wallet", async () => {
  const home = await buildHouse();
  const { reference, subscription } = await dueInvoice(home, { balance: 0 });
  await home.settle();
  await unbind(home, reference);
  const { id } = await story(home, subscription);
  const { status, json } = await home.request("POST", `/customers/${reference}/erase`, WHY);
  expect([status, json["detail"]]).toEqual([
    409,
    `invoice ${id} is open: collect it, void it or write it off first`,
  ]);
});

it("an erased customer is erased once more without effect, and can neither be changed nor linked", async () => {
  const home = await buildHouse();
  await home.api("POST", "/customers", { reference: "c-1", name: "Budi", phone: "081200001111" });
  const first = await home.api("POST", "/customers/c-1/erase", WHY);
  expect(await home.api("POST", "/customers/c-1/erase", { reason: "and again" })).toEqual(first);
  expect(await home.query(`select erased_by, erase_reason from customers`)).toEqual([
    { erased_by: "sari", erase_reason: WHY.reason },
  ]);
  const urls = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };
  for (const [method, path, body] of [
    ["PATCH", "/customers/c-1", { name: "Budi" }],
    ["POST", "/customers/c-1/bindings", urls],
  ] as const)
    expect(await home.request(method, path, body)).toMatchObject({
      status: 409,
      json: { detail: expect.stringMatching(/was erased: make a new one/) },
    });
});
