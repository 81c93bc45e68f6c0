import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { dueInvoice, dueInvoices, payments, story, taken } from "../support/stories.ts";

const stops = (home: TestHouse) =>
  home.query<{ id: string; reason: string; ends_at: Date | null }>(
    `select id::text as id, reason, ends_at from stops where lifted_at is null`,
  );

/** A line to the simulator that can be cut: while it is cut, connections are refused. */
async function line() {
  const sockets = new Set<Socket>();
  let to = 0;
  const server: Server = createServer((socket) => {
    const onward = connect(to, "127.0.0.1");
    for (const end of [socket, onward]) {
      sockets.add(end);
      end
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(end);
          socket.destroy();
          onward.destroy();
        });
    }
    socket.pipe(onward).pipe(socket);
  });
  const open = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  onTestFinished(async () => {
    if (server.listening) await cut();
  });
  let port = 0;
  const through = async (simulatorPort: number) => {
    to = simulatorPort;
    port = await open(0);
    return `http://127.0.0.1:${port}`;
  };
  return { through, cut, mend: () => open(port) };
}

it("a gateway that is down for ten minutes costs no attempt and no budget: 1, 2, 5, 15 minutes, then paid", async () => {
  const wire = await line();
  const home = await buildHouse({ through: wire.through });
  const customer = await dueInvoice(home);
  await wire.cut();
  await home.live({ minutes: 10 });
  const down = await story(home, customer.subscription);
  expect(down).toMatchObject({ state: "open", attempts: [], requestsUsed: 0, subscription: "active" });
  expect(down.rules.filter((rule) => rule === "not_sent")).toHaveLength(4);
  expect(down.nextActionAt?.toISOString()).toBe("2027-03-01T03:23:00.000Z");
  await wire.mend();
  await home.live({ minutes: 14 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("an inquiry that finds the gateway down is asked again, and the doubt stays doubt", async () => {
  const wire = await line();
  const home = await buildHouse({ through: wire.through });
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never" });
  await home.settle();
  await wire.cut();
  await home.live({ minutes: 30 });
  const dark = await story(home, customer.subscription);
  expect(dark).toMatchObject({ state: "open", attempts: [{ state: "unknown" }] });
  expect(dark.evidence).toEqual(["answer unknown", "inquiry unknown", "inquiry unknown", "inquiry unknown"]);
  await wire.mend();
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
  expect(taken(home, customer)).toHaveLength(1);
});

/** The next payment is refused its connection: proved never to have left. */
function refuseConnectionOnce(home: TestHouse): void {
  home.proxy({
    pay: async () => {
      home.proxy({});
      const verdict = { kind: "not_sent", cause: "connect ECONNREFUSED" } as const;
      return { verdict, raw: { httpStatus: null, body: null } };
    },
  });
}

it("a payment that never left is sent a minute later under the same reference", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  refuseConnectionOnce(home);
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "unsent" }],
    requests: [{ state: "unsent" }],
  });
  await home.live({ minutes: 2 });
  const paid = await story(home, customer.subscription);
  expect(paid).toMatchObject({
    state: "paid",
    requestsUsed: 0,
    attempts: [{ number: 1, state: "succeeded" }],
    requests: [{ state: "unsent" }, { state: "answered" }],
  });
  expect(paid.requests[1]?.body).toBe(paid.requests[0]?.body);
  expect(taken(home, customer)).toHaveLength(1);
});

it("an unsent attempt under a hold is confirmed never to have left, by one inquiry, and given up", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  refuseConnectionOnce(home);
  await home.settle();
  await home.query(
    `update subscriptions set collection_hold = true, hold_owner = 'finance', hold_reason = 'asked'`,
  );
  await home.live({ hours: 3 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    waitingFor: "hold",
    nextActionAt: null,
    requestsUsed: 0,
    subscription: "active",
    attempts: [{ number: 1, state: "failed", class: null, message: "never left" }],
    evidence: ["answer not_sent", "inquiry not_found"],
  });
  const { id } = await story(home, customer.subscription);
  await home.query(`update subscriptions set collection_hold = false, hold_owner = null, hold_reason = null`);
  await home.query(`update invoices set next_action_at = (select at from clock) where id = $1`, [id]);
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{}, { number: 2, state: "succeeded" }],
  });
});

it("an unsent attempt whose wallet is refused meanwhile is not left behind: it is confirmed and given up", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  refuseConnectionOnce(home);
  await home.settle();
  home.simulator.changeWallet(customer.phone, { blocked: true });
  await home.live({ days: 2 });
  expect(payments(home)).toHaveLength(0);
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    waitingFor: "method",
    nextActionAt: new Date("2027-03-22T01:00:00Z"),
    attempts: [{ number: 1, state: "failed", message: "never left" }],
  });
});

it("our own token refused once is renewed, and the same reference is sent again at once", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4015401" });
  await home.settle();
  const paid = await story(home, customer.subscription);
  expect(paid).toMatchObject({
    state: "paid",
    attempts: [{ number: 1, state: "succeeded" }],
    requests: [
      { state: "unsent", code: "4015401" },
      { attempt: 1, state: "answered" },
    ],
  });
  expect(await stops(home)).toEqual([]);
  expect(payments(home)).toHaveLength(2);
});

it("our own token refused twice means that our keys are wrong: everything stops for an hour", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4015401", times: 2 });
  await home.settle();
  expect(await stops(home)).toMatchObject([{ ends_at: new Date("2027-03-01T04:00:00Z") }]);
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "unsent" }],
  });
  await home.live({ minutes: 61 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("a gateway that has too many requests gets silence, and then the same reference", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4295400" });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "unsent" }],
  });
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    requestsUsed: 0,
    attempts: [{ number: 1, state: "succeeded" }],
  });
});

it("a refusal that is our mistake stops everything; nobody else is asked until a person lifts the stop", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, 2);
  const first = customers[0]?.phone ?? "";
  home.simulator.script({ match: { phone: first }, outcome: "4035401" });
  expect(await home.beat()).toHaveLength(2);
  const refused = await story(home, customers[0]?.subscription ?? "");
  // The second customer's turn comes when the first has been refused.
  await home.query(
    `update invoices set next_action_at = next_action_at + interval '1 minute' where id <> $1`,
    [refused.id],
  );
  await home.live({ minutes: 30 });
  expect(await story(home, customers[0]?.subscription ?? "")).toMatchObject({
    waitingFor: null,
    requestsUsed: 0,
    subscription: "active",
    attempts: [{ number: 1, state: "failed", class: "config" }],
    exceptions: ["our_mistake"],
  });
  expect(await story(home, customers[1]?.subscription ?? "")).toMatchObject({ state: "open", attempts: [] });
  const [stop] = await stops(home);
  expect(stop?.reason).toContain("4035401");
  await home.api("DELETE", `/stops/${stop?.id}`);
  await home.settle();
  expect(await story(home, customers[1]?.subscription ?? "")).toMatchObject({ state: "paid" });
  await home.live({ hours: 1 });
  expect(await story(home, customers[0]?.subscription ?? "")).toMatchObject({
    state: "paid",
    attempts: [{}, { number: 2, state: "succeeded" }],
  });
});

it("a merchant limit that is reached stops everything until tomorrow", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035420" });
  await home.live("2027-03-02T07:59:00+07:00");
  expect(payments(home)).toHaveLength(1);
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    subscription: "active",
    requestsUsed: 0,
  });
});

it("the machine's own stop never shortens a person's", async () => {
  const home = await buildHouse();
  await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035401" });
  home.proxy({
    pay: async (request) => {
      await home.api("POST", "/stops", { scope: "all", reason: "the shop is being moved" });
      return home.house.collect.gateway.pay(request);
    },
  });
  await home.settle();
  expect(await stops(home)).toMatchObject([{ reason: "the shop is being moved", ends_at: null }]);
});

it("a refusal that is called our mistake three times is for a person", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035401", times: 5 });
  await home.live({ days: 3 });
  expect(payments(home)).toHaveLength(3);
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "person",
    nextActionAt: null,
  });
});

it("with many payments unanswered the line rests for a minute, a few try it, and then all are paid once", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, 30);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never", times: 30 });
  home.simulator.script({ match: { path: "/debit/status" }, outcome: "5005500", times: 8 });
  await home.live({ hours: 3 });
  const all = await Promise.all(customers.map(({ subscription }) => story(home, subscription)));
  expect(all.every(({ state }) => state === "paid")).toBe(true);
  expect(all.some(({ rules }) => rules.includes("wait.breaker"))).toBe(true);
  expect(all[0]?.exceptions).toContain("breaker_open");
  for (const customer of customers) expect(taken(home, customer)).toHaveLength(1);
});

it("trials of the line whose worker died do not keep everybody else waiting", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.query(
    `update breaker set state = 'half_open', half_open_at = (select at from clock), trials = 5`,
  );
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
});
