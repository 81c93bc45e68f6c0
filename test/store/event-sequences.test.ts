import { expect, it } from "vitest";
import { AppError } from "../../src/kernel/errors.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { LocalDate } from "../../src/kernel/time.ts";
import type { Plan } from "../../src/plans/plan.ts";
import { seededRandom } from "../../src/platform/failpoint.ts";
import { daysBetween, plusDays } from "../../src/subscriptions/local-date.ts";
import { at, type RoomsDatabase, storePlan, storeSubscription } from "../support/rooms.ts";
import { beatAt, type EventTools, order } from "../support/subscription-events.ts";
import { decideTools } from "./invoice-rows.ts";

const SEQUENCES = 300;
const DAYS = 366;
const START = "2027-03-10";
const EVENTS_EACH = 7;
const AT_ONCE = 5;

const PLANS: readonly (readonly [code: string, amount: number, more: Partial<Plan>])[] = [
  ["monthly", 99_000, {}],
  ["gold", 150_000, {}],
  ["small", 8_000, { intervalUnit: "week" }],
  ["weekly", 25_000, { intervalUnit: "week" }],
  ["quarterly", 270_001, { intervalCount: 3 }],
  ["yearly", 900_000, { intervalUnit: "year" }],
];
const ZONES = ["Asia/Jakarta", "Asia/Jayapura", "America/New_York", "Pacific/Auckland"];

type Random = () => number;
const oneOf = <T>(random: Random, all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
const noonOf = (day: LocalDate) => `${day}T05:00:00Z`;

/** Anything that a clerk may order on a day, sensible or not. */
function anyOrder(random: Random, day: LocalDate): readonly [string, Record<string, unknown>] {
  const later = plusDays(day, 1 + Math.floor(random() * 60));
  const chance = random();
  if (chance < 0.14) return ["pause", random() < 0.5 ? { resumes_on: later } : {}];
  if (chance < 0.28) return ["resume", { anchor: oneOf(random, ["keep", "move"]) }];
  if (chance < 0.36) return ["skip", {}];
  if (chance < 0.42) return ["hold", { owner: "finance", ends_on: later }];
  if (chance < 0.46) return ["release", {}];
  if (chance < 0.52) return ["zone", { zone: oneOf(random, ZONES) }];
  if (chance < 0.6) return ["re-anchor", reanchoring(random, later)];
  if (chance < 0.68)
    return ["discounts", { percent: 1 + Math.floor(random() * 100), periods: oneOf(random, [1, 3, null]) }];
  if (chance < 0.71) return ["cancel", { at: "period_end" }];
  if (chance < 0.77) return ["uncancel", {}];
  if (chance < 0.78) return ["cancel", { at: "now", void_open: random() < 0.5 }];
  return ["change-plan", planChange(random)];
}

function reanchoring(random: Random, later: LocalDate) {
  const on = random() < 0.3 ? { on: later } : {};
  return random() < 0.5
    ? { ...on, billing_day: 1 + Math.floor(random() * 31) }
    : { ...on, choice: oneOf(random, ["keep", "move"]) };
}

function planChange(random: Random) {
  const day = random() < 0.2 ? { billing_day: 1 + Math.floor(random() * 31) } : {};
  return { plan: oneOf(random, PLANS)[0], at: random() < 0.75 ? "now" : "next_period", ...day };
}

async function seed(tools: EventTools, random: Random): Promise<void> {
  const { db } = tools;
  for (const [code, amount, more] of PLANS) {
    const { price } = await storePlan(db, { code, ...more });
    await db.query(`update plan_versions set amount = $1 where id = $2`, [amount, price.id]);
  }
  for (let index = 0; index < SEQUENCES; index += 1)
    await storeSubscription(db, `s-${index}`, {
      state: "active",
      nextInvoiceAt: at(noonOf(START)),
      credit: rupiah(index % 3 === 0 ? Math.floor(random() * 200_000) : 0),
      terms: { startOn: START, ...(random() < 0.3 ? { billingDay: 1 + Math.floor(random() * 31) } : {}) },
    });
}

/** Most of what is open is paid, as if payments had been recorded; the rest stays open for another day. */
async function paySome({ db }: EventTools, day: LocalDate): Promise<void> {
  await db.query(
    `update invoices set state = 'paid', paid_at = $1, closed_at = $1, next_action_at = null, waiting_for = null
      where state = 'open' and get_byte(uuid_send(id), 3) % 10 < 8`,
    [at(noonOf(day)).toJSDate()],
  );
}

async function play(tools: EventTools, random: Random): Promise<Map<string, number>> {
  const orders = new Map<number, number[]>();
  for (let index = 0; index < SEQUENCES; index += 1) {
    let day = Math.floor(random() * DAYS);
    for (let event = 0; event < EVENTS_EACH; event += 1) {
      orders.set(day, [...(orders.get(day) ?? []), index]);
      // Half of them soon after the one before, while that still matters.
      day =
        random() < 0.5 ? Math.min(DAYS - 1, day + Math.floor(random() * 12)) : Math.floor(random() * DAYS);
    }
  }
  const done = new Map<string, number>();
  for (let day = 0; day < DAYS; day += 1) {
    const date = plusDays(START, day);
    await beatAt(tools, noonOf(date));
    await paySome(tools, date);
    const today = orders.get(day) ?? [];
    for (let first = 0; first < today.length; first += AT_ONCE)
      await Promise.all(
        today.slice(first, first + AT_ONCE).map(async (index) => {
          const [doing, body] = anyOrder(random, date);
          // With another order at the same moment a preview may be overtaken.
          const alone = today.filter((each) => each === index).length === 1;
          const outcome = await tryOrder(tools, `s-${index}`, [doing, body], alone);
          done.set(`${doing} ${outcome}`, (done.get(`${doing} ${outcome}`) ?? 0) + 1);
        }),
      );
  }
  return done;
}

async function tryOrder(
  tools: EventTools,
  reference: string,
  [doing, body]: readonly [string, Record<string, unknown>],
  alone: boolean,
) {
  try {
    const preview =
      alone && doing === "change-plan" ? await order(tools, reference, doing, body, true) : null;
    const answer = await order(tools, reference, doing, body);
    if (preview !== null) expect(answer).toEqual(preview);
    return "done";
  } catch (error) {
    if (error instanceof AppError && ["conflict", "invalid", "not_found"].includes(error.code))
      return error.code;
    throw error;
  }
}

type Span = { readonly from: LocalDate; readonly to: LocalDate };
type Told = {
  readonly reference: string;
  readonly start: LocalDate;
  readonly next: LocalDate;
  /** Period invoices that are not void, and the days that plan changes cover. */
  readonly billed: readonly Span[];
  /** Days that an event says are not billed, or not by any invoice that stands. */
  readonly free: readonly Span[];
  readonly pauses: readonly { readonly from: LocalDate; readonly to: LocalDate | null }[];
  readonly invoices: readonly { readonly kind: string; readonly on: LocalDate; readonly start: LocalDate }[];
};

async function tell(db: RoomsDatabase): Promise<Told[]> {
  return db.query<Told>(
    `select s.reference, s.start_on::text as start,
       coalesce((select json_agg(json_build_object('from', i.period_start,
            'to', coalesce(i.cut_on, i.period_end)) order by i.period_start)
          from invoices i where i.subscription_id = s.id and i.kind = 'period'), '[]')::jsonb
        || coalesce((select jsonb_agg(jsonb_build_object('from', c.details -> 'covers' -> 'from',
            'to', least(c.details -> 'covers' ->> 'to', (select min(n.details -> 'covers' ->> 'from')
              from subscription_changes n where n.subscription_id = s.id and n.id > c.id)))) from subscription_changes c
          where c.subscription_id = s.id and c.details ->> 'covers' is not null), '[]') as billed,
       coalesce((select json_agg(c.details -> 'not_billed') from subscription_changes c
          where c.subscription_id = s.id and c.details ->> 'not_billed' is not null), '[]') as free,
       coalesce((select json_agg(json_build_object('from', (c.at at time zone 'Asia/Jakarta')::date,
           'to', (select (min(r.at) at time zone 'Asia/Jakarta')::date from subscription_changes r
                   where r.subscription_id = s.id and r.id > c.id and r.kind in ('resumed', 'canceled'))))
          from subscription_changes c where c.subscription_id = s.id and c.kind = 'paused'), '[]') as pauses,
       coalesce((select json_agg(json_build_object('kind', i.kind, 'on', i.bills_on, 'start', i.period_start))
          from invoices i where i.subscription_id = s.id), '[]') as invoices
       from subscriptions s order by s.reference`,
  );
}

/** Days in no span at all between the first and the last, and days that are free although they are billed. */
function flaws({ start, billed, free }: Told): string[] {
  const end =
    billed
      .map(({ to }) => to)
      .sort()
      .at(-1) ?? start;
  const marks = new Map<LocalDate, string>();
  const mark = ({ from, to }: Span, as: string) => {
    for (let day = 0; day < daysBetween(from, to); day += 1) {
      const date = plusDays(from, day);
      marks.set(date, (marks.get(date) ?? "") + as);
    }
  };
  for (const span of billed) mark(span, "b");
  for (const span of free) mark(span, "f");
  const found: string[] = [];
  for (let day = 0; day < daysBetween(start, end); day += 1) {
    const date = plusDays(start, day);
    const is = marks.get(date) ?? "";
    if (is === "") found.push(`${date} is neither billed nor free`);
    if (is.includes("f") && is.includes("b")) found.push(`${date} is billed and free`);
  }
  return found;
}

it("random events of a year leave no day billed twice or lost, no credit lost, and no invoice inside a pause", async () => {
  const tools = await decideTools();
  const { db } = tools;
  const random = seededRandom(20_270_310);
  await seed(tools, random);
  const credits = await db.query<{ credit: string }>(`select sum(credit) as credit from subscriptions`);
  const done = await play(tools, random);
  expect(await db.query(`select kind, says from exceptions where kind = 'parked'`)).toEqual([]);
  // Every kind of event was done, and refused, often enough to mean something.
  for (const doing of ["pause", "resume", "skip", "hold", "zone", "re-anchor", "discounts", "change-plan"])
    expect(done.get(`${doing} done`) ?? 0, doing).toBeGreaterThan(20);
  const told = await tell(db);
  for (const each of told) {
    expect(flaws(each), each.reference).toEqual([]);
    for (const { on, kind } of each.invoices)
      for (const pause of each.pauses)
        if (on > pause.from && on < (pause.to ?? "9999-12-31"))
          expect.fail(
            `${each.reference}: a ${kind} invoice is dated ${on}, inside the pause from ${pause.from}`,
          );
  }
  expect(
    await db.query(
      `select i.id from invoices i
        where i.amount <> (select sum(amount) from invoice_lines l where l.invoice_id = i.id) or i.amount < 0`,
    ),
  ).toEqual([]);
  expect(await periodsThatOverlap(db)).toEqual([]);
  expect(await lostCredit(db, Number(credits[0]?.credit))).toBe(0);
}, 120_000);

function periodsThatOverlap(db: RoomsDatabase) {
  return db.query(
    `select a.id from invoices a join invoices b on b.subscription_id = a.subscription_id and b.id <> a.id
      where a.kind = 'period' and b.kind = 'period' and a.state <> 'void' and b.state <> 'void'
        and a.period_start < coalesce(b.cut_on, b.period_end) and b.period_start < coalesce(a.cut_on, a.period_end)`,
  );
}

/** Credit there was and credit given, less what invoices used and what is left; void ones gave theirs back. */
async function lostCredit(db: RoomsDatabase, atFirst: number): Promise<number> {
  const [row] = await db.query<{ given: string; used: string; kept: string }>(
    `select (select coalesce(sum((details ->> 'credit')::bigint), 0) from subscription_changes
              where kind = 'plan_changed')
          + (select coalesce(-sum(l.amount), 0) from invoice_lines l join invoices i on i.id = l.invoice_id
              where i.state = 'void' and l.kind = 'credit' and l.amount < 0) as given,
            (select coalesce(-sum(amount), 0) from invoice_lines where note = 'credit used') as used,
            (select sum(credit) from subscriptions) as kept`,
  );
  return atFirst + Number(row?.given) - Number(row?.used) - Number(row?.kept);
}
