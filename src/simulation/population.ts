import { DateTime } from "luxon";
import type { LocalDate } from "../kernel/time.ts";
import { chanceOf, drawnOf, oneOf, wholeOf } from "./chance.ts";

/** How much goes wrong. */
export const FAULT_LEVELS = ["none", "ordinary", "hostile"] as const;
/** One of `FAULT_LEVELS`. */
export type FaultLevel = (typeof FAULT_LEVELS)[number];

/** What is sold. */
export type SimulatedPlan = {
  readonly code: string;
  readonly name: string;
  readonly amount: number;
  readonly interval: string;
  readonly interval_count: number;
};

const plan = (code: string, name: string, amount: number, interval = "month"): SimulatedPlan => ({
  code,
  name,
  amount,
  interval,
  interval_count: 1,
});

/** Monthly plans of which a customer may choose another one. */
export const MONTHLY = ["kopi", "kelas", "gym"] as const;
const OTHERS = ["majalah", "asuransi"] as const;

export const PLANS: readonly SimulatedPlan[] = [
  plan("kopi", "Kopi Bulanan", 49_000),
  plan("kelas", "Kelas Daring", 99_000),
  plan("gym", "Gym Kota", 150_000),
  plan("majalah", "Majalah Mingguan", 25_000, "week"),
  plan("asuransi", "Asuransi Gawai", 240_000, "quarter"),
];

export type SimulatedSubscription = {
  readonly reference: string;
  readonly plan: string;
  readonly amount: number;
  readonly startOn: LocalDate;
  readonly trialEndsOn: LocalDate | null;
};

/** A customer with a wallet: when money comes in, and how much, in whole rupiah. */
export type Person = {
  readonly index: number;
  readonly customer: string;
  readonly phone: string;
  readonly tier: "club" | "premier";
  /** The wallet never runs empty. */
  readonly isRich: boolean;
  readonly balance: number;
  readonly salary: number;
  readonly salaryDay: number;
  readonly subscriptions: readonly SimulatedSubscription[];
};

/** A wallet that never runs empty; below the most that one may hold. */
const FULL = 15_000_000;
/** The most that a wallet of the lower tier may hold. */
const CLUB_HOLDS = 2_000_000;
const SECOND = 0.05;

/** Everybody, with `count` subscriptions between them: the same people for the same seed. */
export function populationOf(seed: number, count: number, level: FaultLevel, startOn: LocalDate): Person[] {
  const people: Person[] = [];
  for (let made = 0; made < count; ) {
    const person = personOf(seed, people.length, { level, startOn, room: count - made });
    people.push(person);
    made += person.subscriptions.length;
  }
  return people;
}

function personOf(
  seed: number,
  index: number,
  {
    level,
    startOn,
    room,
  }: { readonly level: FaultLevel; readonly startOn: LocalDate; readonly room: number },
): Person {
  const chance = chanceOf(seed, "person", index);
  const name = String(index).padStart(6, "0");
  const wanted = chance() < SECOND && room > 1 ? 2 : 1;
  const subscriptions = Array.from({ length: wanted }, (_, number) => {
    const code = chance() < 0.88 ? oneOf(chance, MONTHLY) : oneOf(chance, OTHERS);
    const amount = PLANS.find((each) => each.code === code)?.amount ?? 0;
    // Every day of a month, its last ones too, is somebody's.
    const begins = DateTime.fromISO(startOn).plus({ days: wholeOf(chance, 0, 30) });
    return {
      reference: `s-${name}-${number}`,
      plan: code,
      amount,
      startOn: begins.toISODate() ?? startOn,
      trialEndsOn: chance() < 0.1 ? begins.plus({ days: 7 }).toISODate() : null,
    };
  });
  const monthly = subscriptions.reduce((sum, each) => sum + each.amount, 0);
  // Two invoices of one day may not compete for the same money: who wins is chance, and not the seed's.
  const plain = level === "none" || (level === "ordinary" && wanted > 1);
  const tier = plain || chance() < 0.7 ? "premier" : "club";
  return {
    index,
    customer: `c-${name}`,
    phone: `62812${String(index).padStart(8, "0")}`,
    isRich: plain,
    tier,
    balance: plain ? FULL : Math.min(CLUB_HOLDS, Math.round(monthly * (1 + 4 * chance()))),
    salary: plain ? 0 : Math.round(monthly * (1.4 + 2 * chance())),
    salaryDay: Number(drawnOf(chance, { "25": 0.5, "1": 0.25, "28": 0.15 }) ?? wholeOf(chance, 1, 31)),
    subscriptions,
  };
}

const COLUMNS = "reference,customer,customer_name,phone,plan,start_on,trial_ends_on,allow_second";

/** Everybody's subscriptions as the file in which the merchant brings them. */
export function importFile(people: readonly Person[]): Buffer {
  const lines = people.flatMap(({ index, customer, phone, subscriptions }) =>
    subscriptions.map(({ reference, plan, startOn, trialEndsOn }) =>
      [reference, customer, `Pelanggan ${index}`, phone, plan, startOn, trialEndsOn ?? "", "true"].join(","),
    ),
  );
  return Buffer.from([COLUMNS, ...lines].join("\n"));
}
