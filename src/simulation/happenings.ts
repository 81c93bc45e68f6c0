import { DateTime } from "luxon";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { type Chance, chanceOf, drawnOf, oneOf, wholeOf } from "./chance.ts";
import { type FaultLevel, MONTHLY, type Person, type SimulatedSubscription } from "./population.ts";

/** What happens to a wallet without anybody telling us. Rupiah; `part` is what is left of the balance. */
type WalletHappening =
  | { readonly kind: "salary"; readonly amount: number }
  | { readonly kind: "top-up"; readonly amount: number }
  | { readonly kind: "spends"; readonly part: number }
  | { readonly kind: "unlinks" }
  | { readonly kind: "blocked"; readonly on: boolean };

/** What a person has the merchant do. `body` is that of the API's route. */
export type Wish = {
  readonly kind: "wish";
  readonly wish:
    | "change-plan"
    | "cancel"
    | "uncancel"
    | "pause"
    | "resume"
    | "hold"
    | "release"
    | "skip"
    | "discount"
    | "re-anchor"
    | "refund"
    | "mark-paid"
    | "void"
    | "pay-link"
    | "collect"
    | "link-again"
    | "unbind";
  readonly subscription: SimulatedSubscription;
  readonly body: Readonly<Record<string, unknown>>;
};

export type Happening = { readonly at: Instant; readonly person: Person } & (WalletHappening | Wish);

/** Chances of each wish in a month of a subscription's life. */
const WISHES: Readonly<Record<Exclude<FaultLevel, "none">, Partial<Record<Wish["wish"], number>>>> = {
  ordinary: {
    "change-plan": 0.02,
    cancel: 0.012,
    pause: 0.012,
    hold: 0.006,
    skip: 0.006,
    discount: 0.01,
    "re-anchor": 0.006,
    refund: 0.01,
    "mark-paid": 0.004,
    void: 0.003,
    "pay-link": 0.006,
    collect: 0.02,
    unbind: 0.003,
  },
  hostile: {
    "change-plan": 0.06,
    cancel: 0.03,
    pause: 0.05,
    hold: 0.03,
    skip: 0.03,
    discount: 0.03,
    "re-anchor": 0.03,
    refund: 0.06,
    "mark-paid": 0.03,
    void: 0.02,
    "pay-link": 0.04,
    collect: 0.1,
    unbind: 0.02,
  },
};
const UNLINKS: Readonly<Record<FaultLevel, number>> = { none: 0, ordinary: 0.01, hostile: 0.04 };
const BLOCKED: Readonly<Record<FaultLevel, number>> = { none: 0, ordinary: 0.005, hostile: 0.03 };
/** At least this part of a balance is left by a month's other spending. */
const LEFT: Readonly<Record<FaultLevel, number>> = { none: 1, ordinary: 0.4, hostile: 0 };
/** Business hours at which people do things: few, so that a day has few moments. */
const HOURS = [8, 9, 12, 17, 21] as const;

/** Everything that happens to one person in the month that begins at `from`, in no order. */
export function happeningsOf(
  seed: number,
  person: Person,
  month: { readonly number: number; readonly from: LocalDate; readonly zone: string },
  level: FaultLevel,
): Happening[] {
  if (level === "none") return [];
  const chance = chanceOf(seed, "month", person.index, month.number);
  const begins = DateTime.fromISO(month.from, { zone: month.zone });
  const days = begins.daysInMonth ?? 28;
  const at = (day: number, hour: number) =>
    begins.plus({ days: Math.min(day, days) - 1, hours: hour }).toUTC() as Instant;
  const anyTime = () => at(wholeOf(chance, 1, days), oneOf(chance, [...HOURS]));
  const found: Happening[] = [];
  const spent = {
    person,
    at: anyTime(),
    kind: "spends",
    part: LEFT[level] + chance() * (1 - LEFT[level]),
  } as const;
  if (!person.isRich)
    found.push({ person, at: at(person.salaryDay, 9), kind: "salary", amount: person.salary }, spent);
  if (!person.isRich && chance() < 0.3)
    found.push({ person, at: anyTime(), kind: "top-up", amount: Math.round(person.salary * chance()) });
  if (chance() < UNLINKS[level]) found.push({ person, at: anyTime(), kind: "unlinks" });
  if (chance() < BLOCKED[level]) {
    const from = wholeOf(chance, 1, days);
    found.push({ person, at: at(from, 8), kind: "blocked", on: true });
    found.push({ person, at: at(from + 3, 8), kind: "blocked", on: false });
  }
  for (const subscription of person.subscriptions) {
    const wish = drawnOf(chance, WISHES[level]);
    if (wish === null) continue;
    const when = anyTime();
    const zone = month.zone;
    found.push(...wishOf(chance, { person, subscription, at: when, zone }, wish));
  }
  // Whoever lost the link may come back to it.
  if (chance() < 0.5)
    found.push({
      person,
      at: at(days, 12),
      kind: "wish",
      wish: "link-again",
      subscription: person.subscriptions[0] as SimulatedSubscription,
      body: {},
    });
  return found;
}

type Place = {
  readonly person: Person;
  readonly subscription: SimulatedSubscription;
  readonly at: Instant;
  readonly zone: string;
};

function wishOf(chance: Chance, { person, subscription, at, zone }: Place, wish: Wish["wish"]): Happening[] {
  const reason = `simulated: ${wish}`;
  const day = (days: number) => at.setZone(zone).plus({ days }).toISODate();
  const doing = (what: Wish["wish"], body: Wish["body"], days = 0): Happening => ({
    person,
    subscription,
    at: at.plus({ days }) as Instant,
    kind: "wish",
    wish: what,
    body,
  });
  switch (wish) {
    case "change-plan": {
      const timing = oneOf(chance, ["now", "next_period"]);
      return [doing(wish, { plan: oneOf(chance, MONTHLY), at: timing, reason })];
    }
    case "cancel": {
      const cancel = doing(wish, {
        at: oneOf(chance, ["now", "period_end"]),
        void_open: chance() < 0.5,
        reason,
      });
      return chance() < 0.3 ? [cancel, doing("uncancel", { reason }, 1)] : [cancel];
    }
    case "pause": {
      const long = wholeOf(chance, 3, 40);
      if (chance() < 0.5) return [doing(wish, { resumes_on: day(long), reason })];
      return [
        doing(wish, { reason }),
        doing("resume", { anchor: oneOf(chance, ["keep", "move"]), reason }, long),
      ];
    }
    case "hold": {
      const held = { owner: "customer care", reason };
      if (chance() < 0.5) return [doing(wish, { ...held, ends_on: day(wholeOf(chance, 2, 20)) })];
      return [doing(wish, held), doing("release", { reason }, wholeOf(chance, 1, 20))];
    }
    case "discount":
      return [doing(wish, { percent: wholeOf(chance, 5, 50), periods: wholeOf(chance, 1, 3), reason })];
    case "re-anchor":
      return [doing(wish, { billing_day: wholeOf(chance, 1, 31), reason })];
    case "mark-paid":
      return [doing(wish, { reason, proof: `transfer ${subscription.reference}` })];
    case "pay-link":
    case "collect":
    case "unbind":
    case "link-again":
      return [doing(wish, {})];
    default:
      return [doing(wish, { reason })];
  }
}
