import { expect, it } from "vitest";
import { buildHouse } from "../support/house.ts";
import { dueInvoice, payments, story, taken } from "../support/stories.ts";

/** Long enough for an answer on a busy machine, short enough to wait for. */
const SHORT_MS = 700;

it.each([
  ["times out after the gateway committed", "timeout-after-commit"],
  ["is reset after the gateway committed", "reset-after-commit"],
  ["is answered 500 after the gateway committed", "500-after-commit"],
  ["is answered with a proxy's 502 page", "502-html-after-commit"],
  ["is answered 504 after the gateway committed", "504-after-commit"],
  ["is answered with half a JSON text", "truncated-json"],
])("a payment that %s is unknown, asked about after 65 seconds, and paid once", async (_how, fault) => {
  const home = await buildHouse({ timeoutMs: SHORT_MS });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: `${fault}+notify-never` });
  await home.live({ seconds: 64 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    subscription: "active",
    attempts: [{ number: 1, state: "unknown" }],
    evidence: ["answer unknown"],
  });
  await home.live({ hours: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    nextActionAt: null,
    attempts: [{ number: 1, state: "succeeded" }],
    requests: [{ attempt: 1 }],
    evidence: ["answer unknown", "inquiry paid"],
    exceptions: [],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it.each(["timeout-before-commit", "reset-before-commit"])(
  "a payment lost on the way (%s) is proved not to have arrived, and the same bytes are sent again",
  async (fault) => {
    const home = await buildHouse({ timeoutMs: SHORT_MS });
    const customer = await dueInvoice(home);
    home.simulator.script({ match: {}, outcome: fault });
    await home.live({ minutes: 80 });
    const before = await story(home, customer.subscription);
    expect(before.attempts).toMatchObject([{ number: 1, state: "unknown" }]);
    expect(before.requests).toHaveLength(1);
    await home.live({ minutes: 30 });
    const after = await story(home, customer.subscription);
    expect(after).toMatchObject({ state: "paid", attempts: [{ number: 1, state: "succeeded" }] });
    expect(after.evidence.filter((each) => each === "inquiry not_found")).toHaveLength(4);
    expect(after.rules.filter((rule) => rule === "not_found.proved")).toHaveLength(1);
    // The very same call: bytes, reference and X-EXTERNAL-ID.
    const [first, second] = payments(home);
    expect(payments(home)).toHaveLength(2);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers["x-external-id"]).toBe(first?.headers["x-external-id"]);
    expect(taken(home, customer)).toEqual([after.attempts[0]?.reference]);
  },
);

it("a re-send that the gateway declines is doubt: only an inquiry may free a new reference", async () => {
  const home = await buildHouse({ timeoutMs: SHORT_MS });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "timeout-before-commit" });
  home.simulator.script({ match: {}, outcome: "4035414" });
  await home.live({ minutes: 82 });
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "unknown" }],
    requests: [{ attempt: 1 }, { attempt: 1, state: "answered", code: "4035414" }],
    requestsUsed: 0,
  });
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ number: 1, state: "failed", class: "funds" }],
    requestsUsed: 1,
  });
  await home.live("2027-03-02T08:00:00+07:00");
  const paid = await story(home, customer.subscription);
  expect(paid).toMatchObject({ state: "paid", attempts: [{ number: 1 }, { number: 2, state: "succeeded" }] });
  expect(taken(home, customer)).toEqual([paid.attempts[1]?.reference]);
});

it("a reference that is never found is sent at most three times, and then a person looks", async () => {
  const home = await buildHouse({ window: "always" });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-before-commit", times: 10 });
  await home.live({ days: 2 });
  expect(payments(home)).toHaveLength(3);
  expect(new Set(payments(home).map(({ body }) => body)).size).toBe(1);
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    waitingFor: "person",
    nextActionAt: null,
    attempts: [{ number: 1, state: "review" }],
    exceptions: ["review"],
  });
});

it("a stored answer that the gateway repeats under 409 is read as the answer it is", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "409-replay" });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }],
    evidence: ["answer accepted", "notification paid"],
  });
});

it("a payment in progress (202) is pending until the gateway says how it ended", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "202" });
  await home.live({ seconds: 59 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "pending" }],
  });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
  expect(taken(home, customer)).toHaveLength(1);
});

it("an inquiry that lags behind the money is asked again until it has caught up", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never" });
  home.simulator.script({ match: {}, outcome: "status-lag:3" });
  await home.live({ hours: 3 });
  const { evidence, ...end } = await story(home, customer.subscription);
  expect(end).toMatchObject({ state: "paid", attempts: [{ number: 1, state: "succeeded" }] });
  expect(evidence).toEqual([
    "answer unknown",
    "inquiry pending",
    "inquiry pending",
    "inquiry pending",
    "inquiry paid",
  ]);
});

it("a payment that is first not found and then found is paid by the reference that was sent", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never" });
  home.simulator.script({ match: {}, outcome: "not-found-then-found:3" });
  await home.live({ hours: 3 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    requests: [{ attempt: 1 }],
  });
  expect(payments(home)).toHaveLength(1);
  expect(taken(home, customer)).toHaveLength(1);
});

it("a payment that was sent again although it had arrived is refused as a double, and still paid once", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never" });
  home.simulator.script({ match: {}, outcome: "not-found-then-found:4" });
  await home.live({ hours: 4 });
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({ state: "paid", attempts: [{ number: 1, state: "succeeded" }] });
  expect(payments(home)).toHaveLength(2);
  expect(taken(home, customer)).toHaveLength(1);
});

it("an order that was accepted and is then not found is a riddle for a person, never a second charge", async () => {
  const home = await buildHouse({ window: "always" });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  home.simulator.script({ match: {}, outcome: "not-found-then-found:40" });
  await home.live({ days: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "person",
    attempts: [{ number: 1, state: "review" }],
  });
  expect(payments(home)).toHaveLength(1);
});

it("an accepted order whose failure is notified fails by the inquiry, and the next try has a new reference", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "200-then-notify-06:4035402" });
  await home.live({ seconds: 10 });
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ state: "pending" }],
    evidence: ["answer accepted", "notification refusal_notice"],
  });
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "failed", class: "limit" }],
    subscription: "past_due",
  });
  await home.live("2027-03-02T08:00:00+07:00");
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({
    state: "paid",
    subscription: "active",
    attempts: [{}, { number: 2, state: "succeeded" }],
  });
  expect(end.attempts[1]?.reference).not.toBe(end.attempts[0]?.reference);
});

it("a notified failure that no inquiry confirms for a day is for a person", async () => {
  const home = await buildHouse({ window: "always" });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "200-then-notify-06:4035402" });
  home.simulator.script({ match: {}, outcome: "5005500", times: 40 });
  await home.live({ hours: 23 });
  expect(await story(home, customer.subscription)).toMatchObject({ attempts: [{ state: "pending" }] });
  await home.live({ hours: 13 });
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "person",
    attempts: [{ state: "review" }],
    exceptions: ["review"],
  });
  expect(payments(home)).toHaveLength(1);
});
