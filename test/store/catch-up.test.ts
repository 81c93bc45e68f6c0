import { describe, expect, it, test } from "vitest";
import { catchUpRoutes } from "../../src/invoices/catch-up.routes.ts";
import type { DecideTools } from "../../src/invoices/collect-tools.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { LocalDate } from "../../src/kernel/time.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { periodOn, type Terms } from "../../src/subscriptions/billing-period.ts";
import { plusDays } from "../../src/subscriptions/local-date.ts";
import { CATCH_UP_POLICIES, type CatchUpPolicy } from "../../src/subscriptions/opening.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";
import { type Billed, beat, liveUntil, openedInvoices, storeBilled, turnTo } from "../support/billing.ts";
import { call } from "../support/call-route.ts";
import { everyDay } from "../support/plain-policy.ts";
import { type PrintedRow, readCatchUp } from "../support/printed-catch-up.ts";
import { someTerms } from "../unit/subscription-builders.ts";
import { decideTools } from "./invoice-rows.ts";

const WINDOW = "08:00";
const NEWS = someTerms("2027-01-31", "month");
const BOX = someTerms("2027-01-04", "week", { amount: rupiah(20_000) });
const DAILY = someTerms("2027-01-01", "day", { amount: rupiah(5_000) });
const CLUB = someTerms("2027-02-10", "month", { count: 3, alignment: "calendar", amount: rupiah(250_000) });
const SHORT = someTerms("2027-01-10", "month", { billingDay: 25, cycles: 4 });

type Extra = Pick<Billed, "discounts" | "prices" | "more">;

/** Level until the day before `off`: the first period that begins on `off` or later is the next one. */
function running(customer: string, name: string, terms: Terms, off: LocalDate, extra: Extra = {}): Billed {
  const period = periodOn(terms, off);
  const nextIndex = period === null ? (terms.cycles ?? 0) : period.index + (period.start < off ? 1 : 0);
  const zone = customer.endsWith("york") ? "America/New_York" : "Asia/Jakarta";
  return { reference: `${customer}-${name}`, customer, zone, terms, nextIndex, ...extra };
}

/** Everything that may be behind at once, in two zones; amounts that change meanwhile, and some too small to charge. */
function world(off: LocalDate, policy: CatchUpPolicy | null): Billed[] {
  const percent = { off: { kind: "percent", percent: 15 }, fromIndex: 0, periods: null } as const;
  const once = { off: { kind: "amount", amount: rupiah(12_500) }, fromIndex: 0, periods: 60 } as const;
  const prices = [{ on: plusDays(off, 9), amount: 33_000 }];
  return [
    running("news", "1", NEWS, off),
    running("box", "1", BOX, off, { discounts: [percent, once], prices }),
    running("daily", "1", DAILY, off),
    running("club-york", "1", CLUB, off, { prices }),
    running("short", "1", SHORT, off, { more: { credit: rupiah(130_000) } }),
    running("two", "news", NEWS, off, { discounts: [percent] }),
    running("two", "box", BOX, off),
    running("twins-york", "a", NEWS, off),
    running("twins-york", "b", NEWS, off),
    running("all", "news", NEWS, off),
    running("all", "box", BOX, off, { prices }),
    running("all", "daily", DAILY, off),
    running("all", "club", CLUB, off),
    running("all", "short", SHORT, off),
  ].map((each) => ({ ...each, policy }));
}

const OFF = [
  ["3 days", "2027-03-29", "2027-04-01"],
  ["40 days", "2027-02-26", "2027-04-07"],
  ["over a year's end", "2027-12-10", "2028-01-20"],
] as const;

type Office = { readonly tools: DecideTools; readonly routes: readonly ApiRoute[] };

/** A house in which nothing beat from `off` until the morning of `back`. */
async function backAfter(off: LocalDate, back: LocalDate, all: readonly Billed[]): Promise<Office> {
  const tools = await decideTools();
  await storeBilled(tools.db, all, wakeAt(off, "Asia/Jakarta", WINDOW), WINDOW);
  await turnTo(tools.db, wakeAt(back, "Asia/Jakarta", "09:30"));
  const policy = { ...tools.policy, window: everyDay({ from: WINDOW, to: "20:00" }) };
  const routes = catchUpRoutes({ ...tools, windowFrom: WINDOW });
  return { tools: { ...tools, policy }, routes };
}

/** What the command prints, read back. */
async function printed({ routes }: Office, query: object = {}): Promise<Map<string, PrintedRow[]>> {
  const path = "/subscriptions/catch-up";
  const answer = await call(routes, "GET", path, { query: { limit: "200", ...query } });
  return readCatchUp(inTextOf(routes, path)(answer));
}

async function choose({ routes }: Office, reference: string, policy: CatchUpPolicy, dryRun = false) {
  const path = "/subscriptions/:reference/catch-up";
  const answer = await call(routes, "POST", path, { params: { reference }, body: { policy }, dryRun });
  return readCatchUp(inTextOf(routes, path)(answer));
}

function inTextOf(routes: readonly ApiRoute[], path: string): (answer: unknown) => string {
  const inText = routes.find((route) => route.path === path)?.inText;
  if (inText === undefined) throw new Error(`${path} says nothing in text`);
  return inText;
}

const isDay = ({ on }: PrintedRow) => on !== "never" && on !== "held";

/** The days until all of it is done, and some more. */
function lastDay(tables: ReadonlyMap<string, readonly PrintedRow[]>, back: LocalDate): LocalDate {
  const days = [...tables.values()]
    .flat()
    .filter(isDay)
    .map(({ on }) => on);
  return plusDays(days.sort().at(-1) ?? back, 9);
}

/** Lives on and expects each customer to be billed as its table says, and then on the own days only. */
async function expectAsPrinted(
  { tools }: Office,
  tables: ReadonlyMap<string, readonly PrintedRow[]>,
  until: LocalDate,
): Promise<void> {
  const before = (await openedInvoices(tools.db)).length;
  await liveUntil(tools, wakeAt(until, "Asia/Jakarta", "23:00"));
  const invoices = (await openedInvoices(tools.db)).slice(before);
  for (const [customer, rows] of tables) {
    const opened = invoices.filter((invoice) => invoice.customer === customer);
    const planned = rows
      .filter(isDay)
      .map(({ on, subscription, start, end, amount }) => ({ on, subscription, start, end, amount }));
    const done = opened.map(({ on, subscription, start, end, amount }) => ({
      on,
      subscription,
      start,
      end,
      amount,
    }));
    const byDay = (list: typeof done) => list.map((each) => JSON.stringify(each)).sort();
    expect({ customer, rows: byDay(done.slice(0, planned.length)) }).toEqual({
      customer,
      rows: byDay(planned as typeof done),
    });
    const late = opened.slice(planned.length).filter(({ on, bills_on }) => on !== bills_on);
    expect({ customer, late }).toEqual({ customer, late: [] });
  }
}

describe.each(CATCH_UP_POLICIES)("%s", (policy) => {
  test.each(OFF)("after %s off: what is billed is the printed table", async (_name, off, back) => {
    // The house's setting is one a day: then nobody has chosen anything.
    const office = await backAfter(off, back, world(off, policy === "one_a_day" ? null : policy));
    const tables = await printed(office);
    expect(tables.get("daily")).not.toHaveLength(0);
    expect(tables.get("all")).not.toHaveLength(0);
    const until = lastDay(tables, back);
    await expectAsPrinted(office, tables, until);
    await expectNever(office, [...tables.values()].flat());
    await expectHeld(office, [...tables.values()].flat());
    expect([...(await printed(office)).values()].flat().filter(({ on }) => on !== "held")).toEqual([]);
  });
});

/** Time that the table calls never billed is in the timeline, with the policy, and no invoice is dated in it. */
async function expectNever({ tools: { db } }: Office, rows: readonly PrintedRow[]): Promise<void> {
  const told = await db.query<{ says: string }>(
    `select s.reference || ' ' || (c.details ->> 'from') || ' to ' || (c.details ->> 'to') as says
       from subscription_changes c join subscriptions s on s.id = c.subscription_id
      where c.kind = 'passed_over' and c.actor = 'house'`,
  );
  const never = rows.filter(({ on }) => on === "never");
  expect(told.map(({ says }) => says).sort()).toEqual(
    never.map(({ subscription, start, end }) => `${subscription} ${start} to ${end}`).sort(),
  );
  const invoices = await openedInvoices(db);
  const billed = never.filter(({ subscription, start, end }) =>
    invoices.some((each) => each.subscription === subscription && each.start >= start && each.start < end),
  );
  expect(billed).toEqual([]);
}

/** What is held is an exception that a person sees, once, however often it was looked at. */
async function expectHeld({ tools: { db } }: Office, rows: readonly PrintedRow[]): Promise<void> {
  const held = new Set(rows.filter(({ on }) => on === "held").map(({ subscription }) => subscription));
  const says = await db.query<{ says: string }>(`select says from exceptions where kind = 'catch_up_held'`);
  expect(says.map((each) => each.says.split(":")[0]).sort()).toEqual([...held].sort());
}

describe("choosing", () => {
  it("what is asked as if is what is then chosen and done; nothing moves before", async () => {
    const [, off, back] = OFF[1];
    const office = await backAfter(off, back, world(off, null));
    for (const policy of ["all_at_once", "current_only", "shift_anchor"] as const) {
      const asked = await printed(office, { policy, customer: "two" });
      for (const reference of ["two-news", "two-box"]) await choose(office, reference, policy);
      expect(await printed(office, { customer: "two" })).toEqual(asked);
    }
    expect(await openedInvoices(office.tools.db)).toEqual([]);
    const tables = await printed(office, { customer: "two" });
    await expectAsPrinted(office, tables, lastDay(tables, back));
  });

  it("releases what was held: at once, by the chosen way, and a dry run shows it and does nothing", async () => {
    const [, off, back] = OFF[1];
    const office = await backAfter(
      off,
      back,
      [running("box", "1", BOX, off)].map((each) => ({ ...each, policy: "hold" as const })),
    );
    const { tools } = office;
    await liveUntil(tools, wakeAt(plusDays(back, 3), "Asia/Jakarta", "12:00"));
    expect(await openedInvoices(tools.db)).toEqual([]);
    const shown = await choose(office, "box-1", "one_a_day", true);
    await beat(tools);
    expect(await openedInvoices(tools.db)).toEqual([]);
    const tables = await choose(office, "box-1", "one_a_day");
    expect(tables).toEqual(shown);
    expect(tables.get("box")).toHaveLength(7);
    await expectAsPrinted(office, tables, lastDay(tables, back));
    expect(await tools.db.query(`select kind, actor, details from subscription_changes`)).toEqual([
      { kind: "catch_up_chosen", actor: "sari", details: { policy: "one_a_day", before: "hold" } },
    ]);
  });

  it("own choices stand beside those of others of the customer, and the table says so", async () => {
    const [, off, back] = OFF[1];
    const all = [
      { ...running("mixed", "box", BOX, off), policy: "all_at_once" as const },
      { ...running("mixed", "club", CLUB, off), policy: "hold" as const },
      running("mixed", "news", NEWS, off),
      { ...running("mixed", "short", SHORT, off), policy: "shift_anchor" as const },
      { ...running("mixed", "tiny", DAILY, off), policy: "current_only" as const },
    ];
    const office = await backAfter(off, back, all);
    const answer = await call(office.routes, "GET", "/subscriptions/catch-up");
    const [shown] = answer["data"] as { table: string[] }[];
    expect(shown?.table.slice(0, 5)).toEqual([
      "one_a_day: every missed period, oldest first, one a day",
      "mixed-box: all_at_once, its own choice",
      "mixed-club: hold, its own choice",
      "mixed-short: shift_anchor, its own choice",
      "mixed-tiny: current_only, its own choice",
    ]);
    const tables = await printed(office);
    await expectAsPrinted(office, tables, lastDay(tables, back));
  });

  it("is refused for what has ended, and shows nothing where nothing is late", async () => {
    const [, off, back] = OFF[0];
    const office = await backAfter(off, back, [running("short", "1", SHORT, "2027-05-01")]);
    await beat(office.tools);
    expect((await printed(office)).size).toBe(0);
    await expect(choose(office, "short-1", "all_at_once")).rejects.toThrow("nothing of it will be billed");
    await expect(printed(office, { customer: "nobody" })).rejects.toThrow("there is no customer nobody");
    await expect(printed(office, { plan: "nothing" })).rejects.toThrow("there is no plan nothing");
  });

  it("pages by customer, and one plan's customers alone", async () => {
    const [, off, back] = OFF[1];
    const office = await backAfter(off, back, world(off, null));
    const path = "/subscriptions/catch-up";
    const seen: unknown[] = [];
    for (let cursor: unknown; cursor !== null; ) {
      const query = { limit: "2", ...(cursor === undefined ? {} : { cursor }) };
      const page = await call(office.routes, "GET", path, { query });
      seen.push(...(page["data"] as { customer: string }[]).map(({ customer }) => customer));
      cursor = page["next_cursor"];
    }
    expect(seen).toEqual(["all", "box", "club-york", "daily", "news", "short", "twins-york", "two"]);
    expect([...(await printed(office, { plan: "two-box" })).keys()]).toEqual(["two"]);
  });
});
