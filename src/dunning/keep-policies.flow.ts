import { InvalidError, NotFoundError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { DEFAULT_POLICY_CODE } from "./default-policy.ts";
import { replaceHolidays } from "./holiday.store.ts";
import { type Holiday, readHolidays } from "./holidays.ts";
import { insertPolicy, newestPolicies, policyVersions, type StoredPolicy } from "./policy.store.ts";
import type { DunningPolicy } from "./policy.ts";
import { fileOf } from "./policy-file.ts";
import { type PolicyMistake, readPolicy, readPolicySource, sayMistake } from "./read-policy.ts";

export type PolicyTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** The built-in policy: what a file leaves out is as in it. Asked for when it is needed. */
  readonly builtIn: () => DunningPolicy;
};

export type GivenPolicy = {
  readonly code: string;
  /** YAML or JSON text, or the fields themselves: one of the two. */
  readonly source: string | undefined;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
};

/** A version as it is shown: also the built-in one, which nobody stored. */
export type ShownPolicy = Omit<StoredPolicy, "createdAt" | "createdBy"> & {
  readonly createdAt: Instant | null;
  readonly createdBy: string | null;
};

/**
 * Stores a policy as the next version of its code; what runs keeps its own. Answers it with warnings, or throws an
 * `InvalidError` that says every mistake, of a text with its line.
 */
export async function setPolicy(
  { db, clock, builtIn }: PolicyTools,
  { code, source, fields }: GivenPolicy,
  actor: Actor,
): Promise<{ readonly policy: StoredPolicy; readonly warnings: readonly string[] }> {
  if ((source === undefined) === (fields === undefined))
    throw new InvalidError("source: give either the policy's text as source, or its fields as policy", {
      field: "source",
    });
  const base = builtIn();
  const read = source === undefined ? readPolicy(fields, base, code) : readPolicySource(source, base, code);
  if (read.kind === "wrong") throw mistaken(read.mistakes, source === undefined);
  const policy = await db.begin(async (tx) => {
    const createdAt = await clock.now(tx);
    const given = { code, file: read.file, source: source ?? null, createdAt, createdBy: actor.name };
    return insertPolicy(tx, given, lowestVersion(code));
  });
  return { policy, warnings: read.warnings };
}

/** The built-in policy is version 1 of its code: what is stored comes after it. */
function lowestVersion(code: string): number {
  return code === DEFAULT_POLICY_CODE ? 2 : 1;
}

function mistaken(mistakes: readonly PolicyMistake[], ofFields: boolean): InvalidError {
  const errors = mistakes.map((mistake) => ({
    field: ofFields ? ["policy", mistake.field].filter((part) => part !== "").join(".") : "source",
    message: ofFields ? mistake.message : sayMistake(mistake),
  }));
  return new InvalidError(mistakes.map(sayMistake).join("; "), { errors });
}

/** The newest versions by code, the built-in policy among them where no version of its code is stored. */
export async function listPolicies(
  tx: Tx,
  builtIn: DunningPolicy,
  after: string | null,
  limit: number,
): Promise<ShownPolicy[]> {
  const stored: ShownPolicy[] = await newestPolicies(tx, after, limit);
  if (after !== null && after >= builtIn.code) return stored;
  if ((await policyVersions(tx, builtIn.code)).length > 0) return stored;
  const all = [...stored, shownBuiltIn(builtIn)];
  return all.sort((one, other) => (one.code < other.code ? -1 : 1)).slice(0, limit);
}

/** The versions of `code`, newest first, the built-in one last; throws `NotFoundError`. */
export async function versionsOfPolicy(tx: Tx, builtIn: DunningPolicy, code: string): Promise<ShownPolicy[]> {
  const stored: ShownPolicy[] = await policyVersions(tx, code);
  const all = code === builtIn.code ? [...stored, shownBuiltIn(builtIn)] : stored;
  if (all.length === 0) throw new NotFoundError(`there is no dunning policy ${code}`);
  return all;
}

function shownBuiltIn(policy: DunningPolicy): ShownPolicy {
  const { code, version } = policy;
  return { code, version, file: fileOf(policy), source: null, createdAt: null, createdBy: null };
}

/** Puts the holidays of a file in the place of those of its years; throws an `InvalidError` that names bad lines. */
export async function setHolidays({ db }: PolicyTools, source: string): Promise<readonly Holiday[]> {
  const read = readHolidays(source);
  if (read.kind === "wrong") {
    const errors = read.problems.map((message) => ({ field: "source", message }));
    throw new InvalidError(read.problems.join("; "), { errors });
  }
  if (read.holidays.length === 0)
    throw new InvalidError("source: there is no holiday in it", { field: "source" });
  await db.begin((tx) => replaceHolidays(tx, read.holidays));
  return read.holidays;
}
