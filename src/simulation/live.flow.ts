import { DateTime } from "luxon";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { interruptionEnds } from "../subscriptions/interruption-ends.flow.ts";
import { caller, fulfil, linkWallet } from "./act.flow.ts";
import { type Happening, happeningsOf, type Wish } from "./happenings.ts";
import { beat } from "./installation.flow.ts";
import { countLinked, findNextMoment } from "./outcome.store.ts";
import { importFile, type Person, PLANS, populationOf } from "./population.ts";
import { note, someWorker, type Town } from "./town.flow.ts";

const ZONE = "Asia/Jakarta";
/** The first morning: a Friday, and the first of a month. */
export const FIRST_DAY = "2027-01-01";
/** A worker beats this often while something is due. */
const TICK_MS = 1_000;
/** While nothing can be done for what is due, for whoever holds it sleeps, not every beat of a minute is lived. */
const LONGEST_TICK_MS = 30_000;
/** More beats at one moment bring nothing: what is due then waits for time to pass. */
const BEATS_AT_ONCE = 10;
/** How many customers link their wallets before the next ones begin. */
const AT_ONCE = 100;

/** The start of a day of the simulation, counted from 0. */
export function dayAt(number: number): Instant {
  return DateTime.fromISO(FIRST_DAY, { zone: ZONE }).plus({ days: number }).toUTC() as Instant;
}

/** Sells the plans, brings the customers and links their wallets, all on the evening before the first day. */
export async function settlePeople(town: Town): Promise<Person[]> {
  const { order, gateway, stepper } = town;
  const people = populationOf(order.seed, order.subscriptions, order.faults, FIRST_DAY);
  const { actor, house } = town.server.process;
  const call = caller(house.apiRoutes);
  let acts = 0;
  const act = async (work: () => Promise<unknown>) => {
    acts += 1;
    town.agenda.name("act", acts);
    const done = stepper.start(actor, work);
    // Heard below; until then it must not end the process.
    done.catch(() => {});
    await stepper.drain();
    await done;
  };
  for (const plan of PLANS) await act(() => call("POST /plans", {}, plan));
  for (const { phone, balance, tier } of people) gateway.addWallet({ phone, balance, tier });
  await act(async () => {
    const { imported, errors } = await call("POST /imports", {}, importFile(people));
    if (imported !== order.subscriptions) throw new Error(`not everybody came in: ${JSON.stringify(errors)}`);
  });
  for (let from = 0; from < people.length; from += AT_ONCE) {
    const some = people.slice(from, from + AT_ONCE);
    await act(() => Promise.all(some.map((person) => linkWallet(call, gateway, person))));
  }
  const linked = await countLinked(town.ground.db);
  if (linked < people.length) throw new Error(`only ${linked} of ${people.length} wallets could be linked`);
  return people;
}

/** Puts what happens to everybody in a month on the agenda. */
export function planMonth(town: Town, people: readonly Person[], month: number): void {
  const { seed, faults } = town.order;
  const from = DateTime.fromISO(FIRST_DAY).plus({ months: month }).toISODate() ?? FIRST_DAY;
  for (const person of people)
    for (const each of happeningsOf(seed, person, { number: month, from, zone: ZONE }, faults))
      town.agenda.at(Math.max(each.at.toMillis(), town.agenda.nowMs()), () => happen(town, each));
}

function happen(town: Town, happening: Happening): void {
  const { stepper } = town;
  if (happening.kind !== "wish") {
    changeWallet(town, happening);
    return;
  }
  const { actor } = town.server.process;
  const run = () => stepper.start(actor, () => grant(town, happening));
  if (town.order.faults === "hostile") {
    void run();
    return;
  }
  // One after another in their order, so that the outcome does not hang on who comes first.
  town.wishes = town.wishes.then(run);
}

async function grant(town: Town, wish: Wish & { readonly person: Person }): Promise<void> {
  const { counts, gateway } = town;
  try {
    const answer = await fulfil(caller(town.server.process.house.apiRoutes), gateway, wish);
    if (answer === "done") counts.wishes += 1;
    if (answer === "refused") counts.refusals += 1;
  } catch (error) {
    note(town, error);
  }
}

function changeWallet({ gateway }: Town, happening: Exclude<Happening, { readonly kind: "wish" }>): void {
  const { phone } = happening.person;
  const wallet = gateway.wallet(phone);
  if (wallet === null) return;
  try {
    switch (happening.kind) {
      case "salary":
      case "top-up":
        gateway.changeWallet(phone, { add: happening.amount });
        break;
      case "spends":
        gateway.changeWallet(phone, { balance: Math.floor(wallet.balance * happening.part) });
        break;
      case "blocked":
        gateway.changeWallet(phone, { blocked: happening.on });
        break;
      case "unlinks":
        gateway.unlink(phone);
        break;
      default:
        unreachable(happening);
    }
  } catch {
    // A wallet that is full or not linked any more: so it is with people.
  }
}

/** Lives until `end`: from one moment at which something is due to the next, everything settled in between. */
export async function liveUntil(town: Town, end: Instant): Promise<void> {
  const { agenda } = town;
  const endMs = end.toMillis();
  for (;;) {
    const nextMs = await settleMoment(town);
    const targetMs = Math.min(endMs, nextMs ?? endMs, agenda.nextAtMs() ?? endMs);
    await moveTo(town, targetMs);
    if (targetMs >= endMs) return;
  }
}

async function moveTo({ agenda, ground }: Town, atMs: number): Promise<void> {
  agenda.moveTo(atMs);
  await ground.db.query(`update turned_time set at = $1`, [new Date(agenda.nowMs())]);
}

/** Beats and answers until nothing more can be done now; answers when something next can. */
async function settleMoment(town: Town): Promise<number | null> {
  const { stepper, agenda, ground } = town;
  await stepper.drain();
  for (let beats = 0; ; beats += 1) {
    const nowMs = agenda.nowMs();
    const [next, ends] = await Promise.all([findNextMoment(ground.db), interruptionEnds(ground.db)]);
    const due = Math.min(...[...ends, ...(next === null ? [] : [next])].map((at) => at.toMillis()));
    if (due > nowMs) {
      town.stalls = 0;
      return Number.isFinite(due) ? due : null;
    }
    if (beats >= (town.stalls > 0 ? 1 : BEATS_AT_ONCE)) {
      town.stalls += 1;
      return nowMs + Math.min(TICK_MS * 2 ** (town.stalls - 1), LONGEST_TICK_MS);
    }
    const worker = someWorker(town);
    if (worker === undefined) return nowMs + TICK_MS;
    void stepper.start(worker.actor, () => beat(worker)).catch((error: unknown) => note(town, error));
    await stepper.drain();
  }
}
