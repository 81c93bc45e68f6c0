import type { Facts } from "../simulator/script.ts";
import { chanceOf, drawnOf } from "./chance.ts";
import type { LineFault } from "./gateway-line.ts";
import type { BellFate } from "./memory-bells.ts";
import type { FaultLevel } from "./population.ts";
import type { ConnectionFault } from "./stepped-database.ts";

/** Chances of everything that goes wrong by itself, for one run. */
export type Mishaps = {
  /** What a request meets at the gateway, in the words of its scripts; null: nothing. */
  atGateway(facts: Facts): string | null;
  onLine(path: string): LineFault;
  ofBell(job: string): BellFate;
  atCommit(): ConnectionFault | null;
  /** Whether a worker or the server dies before its next step, or its machine stands still. */
  ofProcess(): "dies" | "sleeps" | "goes on";
  /** How long a machine stands still: many a lease runs out meanwhile. */
  sleepMs(): number;
  /** By how much the clock of the machines is set before this day, or 0. */
  clockStepMs(day: number): number;
};

type Weights = Readonly<Record<string, number>>;

/** Answers of a payment that is made, or lost, or refused; at most one of them each. */
const ANSWERS: Weights = {
  "timeout-after-commit": 0.003,
  "timeout-before-commit": 0.003,
  "reset-after-commit": 0.002,
  "reset-before-commit": 0.002,
  "500-after-commit": 0.002,
  "502-html-after-commit": 0.001,
  "504-after-commit": 0.002,
  "truncated-json": 0.001,
  "409-replay": 0.001,
  "202": 0.01,
  "200-then-notify-06": 0.01,
  "4035414": 0.01,
};
const LIES: Weights = {
  ...ANSWERS,
  "duplicate-keys": 0.001,
  "4095400": 0.001,
  "4095401": 0.001,
  "4035402": 0.002,
  "4035407": 0.002,
  "5045400": 0.002,
  "5005400": 0.002,
  "4295400": 0.001,
  "slow:25000": 0.003,
};
const NOTICES: Weights = {
  "notify-late:600000": 0.03,
  "notify-late:43200000": 0.01,
  "notify-twice": 0.03,
  "notify-early": 0.02,
  "notify-never": 0.02,
  "notify-reordered": 0.01,
};
const NOTICE_LIES: Weights = { ...NOTICES, "notify-wrong-amount": 0.003, "notify-bad-signature": 0.01 };
const INQUIRIES: Weights = { "status-lag:1": 0.03, "not-found-then-found:1": 0.01 };
const INQUIRY_LIES: Weights = { ...INQUIRIES, "wrong-amount-in-status": 0.003, "5005500": 0.02 };

const PAYMENT = "54";
const INQUIRY = "55";
/** Hostile: how much more often than ordinarily a mishap comes that this run has drawn. */
const SWARM = 8;

/** Nothing goes wrong before people live here. */
export function beginningWhen(begun: () => boolean, mishaps: Mishaps): Mishaps {
  const now = () => (begun() ? mishaps : NOTHING);
  return {
    atGateway: (facts) => now().atGateway(facts),
    onLine: (path) => now().onLine(path),
    ofBell: (job) => now().ofBell(job),
    atCommit: () => now().atCommit(),
    ofProcess: () => now().ofProcess(),
    sleepMs: () => now().sleepMs(),
    clockStepMs: (day) => now().clockStepMs(day),
  };
}

/** The mishaps of a seed. Hostile runs draw for each kind whether they have it: few kinds, but often, find most. */
export function mishapsOf(seed: number, level: FaultLevel): Mishaps {
  if (level === "none") return NOTHING;
  const hostile = level === "hostile";
  const swarm = (weights: Weights, kind: string) => (hostile ? swarmOf(seed, weights, kind) : weights);
  const answers = swarm(hostile ? LIES : ANSWERS, "answers");
  const notices = swarm(hostile ? NOTICE_LIES : NOTICES, "notices");
  const inquiries = swarm(hostile ? INQUIRY_LIES : INQUIRIES, "inquiries");
  const bells = hostile ? swarmOf(seed, BELL_LIES, "bells") : BELLS;
  const places = hostile ? swarmOf(seed, PLACES, "places") : NO_PLACES;
  const asked = new Map<string, number>();
  const chanceFor = (what: string) => {
    const times = (asked.get(what) ?? 0) + 1;
    asked.set(what, times);
    return chanceOf(seed, what, times);
  };
  const bell = chanceOf(seed, "bells");
  const place = chanceOf(seed, "places");
  return {
    atGateway: ({ service, reference, phone }) => {
      if (service !== PAYMENT && service !== INQUIRY) return null;
      const chance = chanceFor(`${service}/${reference ?? phone ?? ""}`);
      if (service === INQUIRY) return drawnOf(chance, inquiries);
      const told = [drawnOf(chance, answers), drawnOf(chance, notices)].filter((each) => each !== null);
      return told.length === 0 ? null : told.join("+");
    },
    onLine: () => {
      if (!hostile) return null;
      const kind = drawnOf(place, { "not-sent": places["not-sent"] ?? 0, slow: places["slow"] ?? 0 });
      if (kind === null) return null;
      return kind === "slow" ? { kind, ms: Math.floor(place() * 40_000) } : { kind: "not-sent" };
    },
    ofBell: (job) => {
      const fate = drawnOf(bell, bells);
      if (!hostile && fate === "lost" && job === HANDLE) return "rung";
      if (fate === "late") return { lateMs: Math.floor(bell() * 120_000) };
      return fate === "lost" || fate === "twice" ? fate : "rung";
    },
    atCommit: () =>
      drawnOf(place, {
        "lost-before-commit": places["lost-before-commit"] ?? 0,
        "lost-after-commit": places["lost-after-commit"] ?? 0,
      }),
    ofProcess: () =>
      drawnOf(place, { dies: places["dies"] ?? 0, sleeps: places["sleeps"] ?? 0 }) ?? "goes on",
    sleepMs: () => Math.floor(place() * LONGEST_SLEEP_MS),
    clockStepMs: (day) => {
      const chance = chanceOf(seed, "clock", day);
      if (!hostile || chance() >= (places["clock"] ?? 0)) return 0;
      return Math.round((chance() - 0.3) * 600_000);
    },
  };
}

/** The job of deliveries. Their bell is rung again only after 5 s, so that losing it would show in the digest. */
const HANDLE = "handle";
/** Lost bells of invoices are rung again by the next beat of the same moment. */
const BELLS: Weights = { lost: 0.02, twice: 0.05 };
const BELL_LIES: Weights = { ...BELLS, late: 0.02 };
/** Four leases. */
const LONGEST_SLEEP_MS = 480_000;
/** Hostile only: of every step, call, commit or day. */
const PLACES: Weights = {
  "not-sent": 0.002,
  slow: 0.002,
  "lost-before-commit": 0.001,
  "lost-after-commit": 0.001,
  dies: 0.000_3,
  sleeps: 0.000_2,
  clock: 0.01,
};
const NO_PLACES: Weights = {};

function swarmOf(seed: number, weights: Weights, kind: string): Weights {
  const chance = chanceOf(seed, "swarm", kind);
  return Object.fromEntries(
    Object.entries(weights).map(([what, weight]) => [what, chance() < 0.5 ? weight * SWARM * chance() : 0]),
  );
}

const NOTHING: Mishaps = {
  atGateway: () => null,
  onLine: () => null,
  ofBell: () => "rung",
  atCommit: () => null,
  ofProcess: () => "goes on",
  sleepMs: () => 0,
  clockStepMs: () => 0,
};
