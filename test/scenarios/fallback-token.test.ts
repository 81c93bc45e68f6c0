import { expect, it } from "vitest";
import {
  type House as CalledHouse,
  NOTIFY,
  type Notice,
  notify,
  paid,
  token,
} from "../support/gateway-calls.ts";
import { buildHouse, SECRET, type TestHouse } from "../support/house.ts";
import { dueInvoice, story } from "../support/stories.ts";

// DOKU's own libraries sign notifications with the token that DOKU issued, or with none; production, with ours.

const FALLBACK = { environment: { DOKU_NOTIFY_TOKEN: "fallback" } };

function call(home: TestHouse, reference: string, notice: Notice) {
  const body = paid("00", reference).replaceAll("25000", "99000");
  return notify({ url: home.doors.url } as CalledHouse, {
    body,
    signedPath: NOTIFY,
    secret: SECRET,
    ...notice,
  });
}

/** An attempt that waits for its notification, which never comes by itself. */
async function pending(home: TestHouse) {
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  await home.settle();
  const { attempts } = await story(home, customer.subscription);
  return { ...customer, reference: attempts[0]?.reference ?? "" };
}

const stored = (home: TestHouse) =>
  home.query(`select signature_form, state, problem from inbox where kind = 'payment' order by id`);

it("signed with no token it is refused, unless the setting for onboarding is on", async () => {
  const home = await buildHouse();
  const { reference } = await pending(home);
  expect((await call(home, reference, { signedToken: "" })).status).toBe(401);
  expect(await stored(home)).toEqual([]);
});

it("signed with no token, it is kept with how it was proved, not believed, and the gateway is asked", async () => {
  const home = await buildHouse(FALLBACK);
  const customer = await pending(home);
  expect((await call(home, customer.reference, { signedToken: "" })).status).toBe(200);
  await home.settle();
  expect(await stored(home)).toMatchObject([{ signature_form: "fallback empty minified", state: "handled" }]);
  // The money is there, and is believed when the gateway itself says so.
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    evidence: ["answer accepted"],
  });
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    evidence: ["answer accepted", "inquiry paid"],
  });
});

it("signed with the token that the gateway gave us, it rings an inquiry too", async () => {
  const home = await buildHouse(FALLBACK);
  const { reference } = await pending(home);
  const [own] = await home.query<{ token: string; issuer: string }>(
    `select token, issuer from gateway_tokens`,
  );
  const theirs = home.house.sealer.open(own?.token ?? "", `gateway_tokens:${own?.issuer}`);
  expect((await call(home, reference, { signedToken: theirs })).status).toBe(200);
  expect(await stored(home)).toMatchObject([{ signature_form: "fallback doku minified" }]);
});

it("a claim of money that never moved is contradicted by the inquiry", async () => {
  const home = await buildHouse(FALLBACK);
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "200-then-notify-06:4035402+notify-never" });
  await home.settle();
  const { attempts } = await story(home, customer.subscription);
  await call(home, attempts[0]?.reference ?? "", { signedToken: "" });
  await home.live({ minutes: 5 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "failed" }],
  });
});

it.each([
  ["a stranger's secret", { secret: "another-secret-0000000" }],
  ["a bearer that is not ours", { bearer: "a.b.c" }],
])("the setting does not help %s", async (_what, wrong) => {
  const home = await buildHouse(FALLBACK);
  const { reference } = await pending(home);
  const bearer = await token({ url: home.doors.url } as CalledHouse);
  const { status } = await call(home, reference, { bearer, signedToken: "", ...wrong });
  expect(status).toBe(401);
  expect(await stored(home)).toEqual([]);
});
