import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { AMOUNT, type Due, dueInvoice, story, taken, tell } from "../support/stories.ts";

const PARTS = { environment: { REFUND_PARTS: "true" } };
let keys = 0;

/** Asks for a refund as finance does; answers the status too. */
function askBack(home: TestHouse, invoice: string, body: object = {}) {
  keys += 1;
  const headers = { "idempotency-key": `refund-${keys}` };
  return home.request(
    "POST",
    `/invoices/${invoice}/refunds`,
    { reason: "asked by customer", ...body },
    headers,
  );
}

async function paidInvoice(home: TestHouse): Promise<Due & { readonly id: string }> {
  const customer = await dueInvoice(home);
  await home.settle();
  const { id, state } = await story(home, customer.subscription);
  expect(state).toBe("paid");
  return { ...customer, id };
}

type Told = {
  readonly state: string;
  readonly refund_reference: string;
  readonly evidence: readonly { readonly source: string; readonly verdict: string }[];
  readonly requests: readonly { readonly state: string }[];
};

/** The refunds of an invoice, oldest first, each with what was sent and heard. */
async function refunds(home: TestHouse, invoice: string): Promise<Told[]> {
  const list = (await home.api("GET", `/invoices/${invoice}/refunds`)) as unknown as {
    readonly data: readonly { readonly id: string }[];
  };
  const all = await Promise.all(list.data.map(({ id }) => home.api("GET", `/refunds/${id}`)));
  return all.reverse() as unknown as Told[];
}

/** How much went back to a wallet, movement by movement. */
function givenBack({ simulator }: TestHouse, { phone }: { readonly phone: string }): number[] {
  return simulator
    .ledger()
    .flatMap((line) => (line.kind === "refund" && line.phone === phone ? [line.amount] : []));
}

const refundCalls = ({ simulator }: TestHouse) =>
  simulator.requests().filter(({ path }) => path.endsWith("/debit/refund"));

it("a paid invoice is given back whole, once, and stays paid", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  const { status, json } = await askBack(home, customer.id);
  expect(status).toBe(202);
  expect(json).toMatchObject({
    state: "requested",
    amount: AMOUNT,
    refund_reference: expect.stringMatching(/-1-R1$/),
  });
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([
    {
      state: "refunded",
      evidence: [{ source: "answer", verdict: "refunded" }],
      requests: [{ state: "answered" }],
    },
  ]);
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
  await home.live({ days: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
  expect(await home.api("GET", `/invoices/${customer.id}`)).toMatchObject({
    amount: AMOUNT,
    refunded: AMOUNT,
  });
  const again = await askBack(home, customer.id);
  expect(again).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("given back already") },
  });
  expect(givenBack(home, customer)).toHaveLength(1);
});

it("parts may go back when they are switched on, never more than was paid", async () => {
  const home = await buildHouse(PARTS);
  const customer = await paidInvoice(home);
  await askBack(home, customer.id, { amount: 40_000 });
  const early = await askBack(home, customer.id, { amount: 10_000 });
  expect(early).toMatchObject({ status: 409, json: { detail: expect.stringContaining("is not settled") } });
  await home.settle();
  const tooMuch = await askBack(home, customer.id, { amount: 60_000 });
  expect(tooMuch).toMatchObject({
    status: 422,
    json: { detail: expect.stringContaining("Rp 59.000 are left") },
  });
  await askBack(home, customer.id);
  await home.settle();
  expect(givenBack(home, customer)).toEqual([40_000, 59_000]);
  expect(await refunds(home, customer.id)).toMatchObject([
    { state: "refunded", refund_reference: expect.stringMatching(/-R1$/) },
    { state: "refunded", refund_reference: expect.stringMatching(/-R2$/) },
  ]);
});

it("parts that are switched off, a window that is over and an unpaid invoice are refused in words", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  expect(await askBack(home, customer.id, { amount: 1_000 })).toMatchObject({ status: 422 });
  await home.live({ days: 8 });
  expect(await askBack(home, customer.id)).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("more than 7 days ago: pay out by hand") },
  });
  const empty = await dueInvoice(home, { balance: 0 });
  await home.settle();
  const { id } = await story(home, empty.subscription);
  expect(await askBack(home, id)).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("nothing was paid") },
  });
  expect(refundCalls(home)).toEqual([]);
});

it.each(["timeout-after-commit", "reset-after-commit", "500-after-commit", "502-html-after-commit"])(
  "a refund that ends as %s had succeeded: it is asked about, never sent again, and given back once",
  async (fault) => {
    const home = await buildHouse({ timeoutMs: 700 });
    const customer = await paidInvoice(home);
    home.simulator.script({ match: { path: "/debit/refund" }, outcome: fault });
    await askBack(home, customer.id);
    await home.live({ seconds: 60 });
    expect(await refunds(home, customer.id)).toMatchObject([{ state: "unknown" }]);
    expect(await askBack(home, customer.id)).toMatchObject({ status: 409 });
    await home.live({ hours: 1 });
    expect(await refunds(home, customer.id)).toMatchObject([
      { state: "refunded", evidence: [{ verdict: "unknown" }, { source: "inquiry", verdict: "refunded" }] },
    ]);
    expect(refundCalls(home)).toHaveLength(1);
    expect(givenBack(home, customer)).toEqual([AMOUNT]);
  },
);

it("a refund that was lost on the way is proved not to have arrived, and the same bytes are sent again", async () => {
  const home = await buildHouse({ timeoutMs: 700 });
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "timeout-before-commit" });
  await askBack(home, customer.id);
  await home.live({ minutes: 70 });
  expect(refundCalls(home)).toHaveLength(1);
  await home.live({ hours: 2 });
  const [refund] = await refunds(home, customer.id);
  expect(refund).toMatchObject({ state: "refunded" });
  expect(refund?.evidence.filter(({ verdict }) => verdict === "not_found").length).toBeGreaterThanOrEqual(3);
  const [first, second, ...more] = refundCalls(home);
  expect(more).toEqual([]);
  expect(second?.body).toBe(first?.body);
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("a refund in progress is asked about until it is done", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "202" });
  await askBack(home, customer.id);
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "pending" }]);
  await home.live({ hours: 1 });
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "refunded" }]);
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("a refund works after the customer has unlinked", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  home.simulator.unlink(customer.phone);
  await askBack(home, customer.id);
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "refunded" }]);
});

it("a customer token that is refused is left out, under the same refund reference", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "4015802" });
  await askBack(home, customer.id);
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([
    { state: "refunded", requests: [{ state: "refused" }, { state: "answered" }] },
  ]);
  const [first, second] = refundCalls(home);
  expect(first?.headers["authorization-customer"]).toBeDefined();
  expect(second?.headers["authorization-customer"]).toBeUndefined();
  expect(second?.body).toBe(first?.body);
});

it("a refusal is told to a person with its remedy, and frees the payment for another refund", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "4055801" });
  await askBack(home, customer.id);
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([
    { state: "declined", decline_reason: "not_allowed" },
  ]);
  expect((await story(home, customer.subscription)).exceptions).toEqual(["refund_declined"]);
  await askBack(home, customer.id);
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([
    { state: "declined" },
    { state: "refunded", refund_reference: expect.stringMatching(/-R2$/) },
  ]);
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("a refusal that answers a re-send is doubt: the first send may have given the money back", async () => {
  const home = await buildHouse({ timeoutMs: 700 });
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "timeout-before-commit" });
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "4035802" });
  await askBack(home, customer.id);
  await home.live({ minutes: 85 });
  expect(refundCalls(home)).toHaveLength(2);
  expect(await refunds(home, customer.id)).toMatchObject([
    { state: "unknown", requests: [{ state: "written" }, { state: "refused" }] },
  ]);
});

it("a refund that nobody can tell about ends with a person, and blocks a second one", async () => {
  const home = await buildHouse({ timeoutMs: 700 });
  const customer = await paidInvoice(home);
  home.simulator.script({ match: { path: "/debit/refund" }, outcome: "500-after-commit" });
  const raw = { httpStatus: null, body: null };
  home.proxy({ inquireRefund: async () => ({ verdict: { kind: "unknown", cause: "silence" }, raw }) });
  await askBack(home, customer.id);
  await home.live({ days: 6 });
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "review" }]);
  expect((await story(home, customer.subscription)).exceptions).toEqual(["refund_review"]);
  expect(await askBack(home, customer.id)).toMatchObject({ status: 409 });
  // The gateway's own word, whenever it comes, rings an inquiry, and its answer counts.
  home.proxy({});
  const { reference = "", gatewayReference } = (await story(home, customer.subscription)).attempts[0] ?? {};
  await tell(home, reference, { status: "04", gatewayReference: gatewayReference ?? "" });
  await home.settle();
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "refunded" }]);
  expect((await story(home, customer.subscription)).exceptions).toEqual(["refund_review"]);
  expect(refundCalls(home)).toHaveLength(1);
});

it("a gateway that is away costs a refund nothing but time", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  await home.simulator.stopListening();
  await askBack(home, customer.id);
  await home.live({ minutes: 10 });
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "requested" }]);
  await home.simulator.listenAgain();
  await home.live({ hours: 1 });
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "refunded" }]);
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("a stop holds refunds back too", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  await home.api("POST", "/stops", { scope: "all", reason: "nothing leaves", minutes: 60 });
  await askBack(home, customer.id);
  await home.live({ minutes: 30 });
  expect(refundCalls(home)).toEqual([]);
  await home.live({ minutes: 31 });
  expect(await refunds(home, customer.id)).toMatchObject([{ state: "refunded" }]);
});

it("two clicks under one Idempotency-Key are one refund", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  const ask = () =>
    home.request(
      "POST",
      `/invoices/${customer.id}/refunds`,
      { reason: "asked" },
      { "idempotency-key": "one" },
    );
  expect((await ask()).json["id"]).toBe((await ask()).json["id"]);
  const without = await home.request("POST", `/invoices/${customer.id}/refunds`, { reason: "asked" });
  expect(without.status).toBe(422);
  await home.settle();
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("twenty people at once give back what was paid once", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  const answers = await Promise.all(Array.from({ length: 20 }, () => askBack(home, customer.id)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
  await home.settle();
  expect(givenBack(home, customer)).toEqual([AMOUNT]);
});

it("paid after we gave up is a surplus, and the surplus goes back first", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: { path: "payment-host-to-host" }, outcome: "4035414" });
  await home.settle();
  const declined = await story(home, customer.subscription);
  expect(declined.attempts).toMatchObject([{ state: "failed" }]);
  await home.live("2027-03-02T08:00:00+07:00");
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{}, { state: "succeeded" }],
  });
  await home.live({ hours: 1 });
  // The first reference was taken after all.
  await tell(home, declined.attempts[0]?.reference ?? "", { gatewayReference: "G-LATE" });
  await home.settle();
  const surplus = await story(home, customer.subscription);
  expect(surplus).toMatchObject({ state: "paid", exceptions: ["late_success", "surplus"] });
  const { json } = await askBack(home, surplus.id);
  expect(json).toMatchObject({ attempt: 1, payment_reference: declined.attempts[0]?.reference });
  expect(taken(home, customer)).toHaveLength(1);
});

it("the gateway's own notice of a refund that we asked for is no surprise", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  await askBack(home, customer.id);
  await home.settle();
  const { reference = "", gatewayReference } = (await story(home, customer.subscription)).attempts[0] ?? {};
  await tell(home, reference, { status: "04", gatewayReference: gatewayReference ?? "" });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
  expect(await home.api("GET", `/invoices/${customer.id}/attempts`)).toMatchObject({
    data: [{ state: "succeeded", refund_asked: AMOUNT }],
  });
});

it("money that the gateway gave back without our asking is for a person", async () => {
  const home = await buildHouse();
  const customer = await paidInvoice(home);
  const { attempts } = await story(home, customer.subscription);
  const { reference = "", gatewayReference } = attempts[0] ?? {};
  await tell(home, reference, { status: "04", gatewayReference: gatewayReference ?? "" });
  await home.settle();
  expect((await story(home, customer.subscription)).exceptions).toEqual(["refunded_at_gateway"]);
});
