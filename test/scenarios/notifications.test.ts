import { expect, it } from "vitest";
import { buildHouse } from "../support/house.ts";
import {
  AMOUNT,
  type Due,
  dueInvoice,
  dueInvoices,
  inbox,
  payments,
  story,
  taken,
  tell,
} from "../support/stories.ts";

it("a notification that overtakes our own answer pays, and the answer then changes nothing", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-early" });
  home.proxy({
    pay: async (request) => {
      const answer = await home.house.collect.gateway.pay(request);
      await home.handleInbox();
      return answer;
    },
  });
  await home.live({ hours: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }],
    evidence: ["notification paid", "answer accepted"],
    exceptions: [],
  });
});

it("a notification that comes after the inquiry is evidence and nothing else", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-late:600000" });
  await home.live({ hours: 1 });
  const { rules, ...end } = await story(home, customer.subscription);
  expect(end).toMatchObject({
    state: "paid",
    evidence: ["answer accepted", "inquiry paid", "notification paid"],
    exceptions: [],
  });
  expect(rules.filter((rule) => rule === "verdict.paid")).toHaveLength(1);
});

it("a notification that never comes is not missed: the gateway is asked", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    evidence: ["answer accepted", "inquiry paid"],
  });
});

it("the same delivery twice, down to its id, is answered the same and has one effect", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-twice" });
  await home.live({ hours: 1 });
  expect(await inbox(home)).toMatchObject([{ state: "handled" }, { state: "handled", reused: false }]);
  const { evidence, exceptions } = await story(home, customer.subscription);
  expect(evidence).toEqual(["answer accepted", "notification paid"]);
  expect(exceptions).toEqual([]);
});

it("ten notifications are ten inbox rows, one piece of evidence and one payment", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.settle();
  const [sent] = home.simulator.notifications().filter(({ kind }) => kind === "payment");
  await Promise.all(Array.from({ length: 9 }, () => home.simulator.resend(sent?.id ?? "")));
  await home.settle();
  const rows = await inbox(home);
  expect(rows).toHaveLength(10);
  expect(rows.every(({ state }) => state === "handled")).toBe(true);
  const { rules, ...end } = await story(home, customer.subscription);
  expect(end).toMatchObject({
    state: "paid",
    evidence: ["answer accepted", "notification paid"],
    exceptions: [],
  });
  expect(rules.filter((rule) => rule === "verdict.paid")).toHaveLength(1);
});

it("an older status that arrives behind the success takes nothing back", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-reordered:03" });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }],
    evidence: ["answer accepted", "notification paid", "notification pending"],
    exceptions: [],
  });
});

it("a notice of failure behind the success takes nothing back either, and a person is called", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-reordered:06" });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    exceptions: ["contradiction"],
  });
});

it("a success with another amount pays nothing by itself: it is kept, and the inquiry decides", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-wrong-amount" });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "pending" }],
    exceptions: ["amount_mismatch"],
  });
  expect(await inbox(home)).toMatchObject([{ state: "handled" }]);
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    evidence: ["answer accepted", "notification paid", "inquiry paid"],
  });
});

it("a success that the inquiry, too, reports with another amount is for a person", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-wrong-amount" });
  home.simulator.script({ match: {}, outcome: "wrong-amount-in-status" });
  await home.live({ days: 3 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    waitingFor: "person",
    nextActionAt: null,
    attempts: [{ number: 1, state: "review" }],
  });
  expect(payments(home)).toHaveLength(1);
});

it("a success for another customer pays nothing by itself", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  await home.settle();
  const [attempt] = (await story(home, customer.subscription)).attempts;
  expect(await tell(home, attempt?.reference ?? "", { customer: "somebody-else" })).toMatchObject({
    status: 200,
  });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "pending" }],
    exceptions: ["payee_mismatch"],
  });
});

it.each([
  ["forged by a stranger", "4035414+notify-forged", "failed"],
  ["with a bad signature", "notify-bad-signature", "pending"],
])("a notification %s is refused and leaves nothing", async (_how, outcome, state) => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome });
  await home.settle();
  expect(home.simulator.notifications().at(-1)?.attempts).toMatchObject([{ httpStatus: 401 }]);
  expect(await inbox(home)).toEqual([]);
  expect(await story(home, customer.subscription)).toMatchObject({ state: "open", attempts: [{ state }] });
});

it("a notification badly signed at first is believed when it comes again well signed", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-bad-signature" });
  await home.settle();
  await home.simulator.resend(home.simulator.notifications().at(-1)?.id ?? "");
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
});

it("with our notification address down for thirteen hours every attempt ends right by inquiry", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, 3);
  const [pays, fails, lost] = customers as [Due, Due, Due];
  home.simulator.script({ match: { phone: fails.phone }, outcome: "200-then-notify-06:4035402" });
  home.simulator.script({ match: { phone: lost.phone }, outcome: "500-after-commit" });
  await home.closeDoors();
  await home.live({ hours: 13 });
  expect(await story(home, pays.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }],
  });
  expect(await story(home, fails.subscription)).toMatchObject({
    attempts: [{ state: "failed", class: "limit" }],
  });
  expect(await story(home, lost.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }],
  });
  expect(await inbox(home)).toEqual([]);
  await home.openDoors();
  await home.live("2027-03-02T09:00:00+07:00");
  expect(await story(home, fails.subscription)).toMatchObject({ state: "paid" });
  for (const customer of customers) expect(taken(home, customer)).toHaveLength(1);
});

it("two bodies under one X-EXTERNAL-ID: both are kept, the success counts, and the gateway is asked", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  await home.settle();
  const [attempt] = (await story(home, customer.subscription)).attempts;
  const reference = attempt?.reference ?? "";
  const says = { externalId: "4711", gatewayReference: attempt?.gatewayReference ?? "" };
  expect(await tell(home, reference, { ...says, status: "03" })).toMatchObject({ status: 200 });
  expect(await tell(home, reference, { ...says, status: "00" })).toMatchObject({
    status: 409,
    json: { responseCode: "4095600" },
  });
  await home.settle();
  expect(await inbox(home)).toMatchObject([{ reused: false }, { state: "handled", reused: true }]);
  await home.live({ minutes: 2 });
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({ state: "paid", nextActionAt: null, attempts: [{ state: "succeeded" }] });
  expect(end.exceptions).toContain("notification_id_reused");
  expect(end.evidence).toEqual([
    "answer accepted",
    "notification pending",
    "notification paid",
    "inquiry paid",
  ]);
});

it("an inquiry rung about a closed attempt does not bring back an invoice that waits for a person", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035403" });
  await home.settle();
  const before = await story(home, customer.subscription);
  expect(before).toMatchObject({ waitingFor: "person", attempts: [{ state: "failed", class: "account" }] });
  await tell(home, before.attempts[0]?.reference ?? "", { amount: AMOUNT + 1 });
  await home.live({ days: 2 });
  const after = await story(home, customer.subscription);
  expect(after).toMatchObject({ state: "open", waitingFor: "person", nextActionAt: null });
  expect(after.evidence).toContain("inquiry declined");
  expect(payments(home)).toHaveLength(1);
});

it("a success for a reference that nobody knows is kept and told to a person", async () => {
  const home = await buildHouse();
  expect(await tell(home, "06QBM3FWQ5ABYAVS9E9CTHKSXZ-1")).toMatchObject({ status: 404 });
  await home.settle();
  expect(await inbox(home)).toMatchObject([{ state: "unmatched" }]);
  expect(await home.query(`select kind from exceptions`)).toEqual([{ kind: "notification_unmatched" }]);
});
