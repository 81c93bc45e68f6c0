import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { findHolidays } from "./holiday.store.ts";
import type { PolicyTools } from "./keep-policies.flow.ts";
import type { MovedInvoice, RunningInvoice, RunningInvoices } from "./moving.ts";
import { nextTry } from "./next-try.ts";
import { policiesAt } from "./policy.store.ts";
import type { DunningPolicy } from "./policy.ts";

export type MoveTools = PolicyTools & { readonly running: RunningInvoices };

export type Moved = {
  readonly invoices: number;
  /** Of how many the next step changes its time. */
  readonly changed: number;
  /** The first of those, as examples. */
  readonly examples: readonly MovedInvoice[];
};

const PAGE = 500;
const EXAMPLES = 20;

/**
 * Moves the running invoices of a policy to one of its versions, a page a transaction: each next step is planned anew,
 * unless the invoice is being collected or in doubt. Run again it goes on. Throws `NotFoundError`.
 */
export async function movePolicy(
  tools: MoveTools,
  given: { readonly code: string; readonly toVersion: number },
  actor: string,
): Promise<Moved> {
  const { to, holidays } = await tools.db.begin(async (tx) => ({
    to: await demandVersion(tx, tools.builtIn(), given),
    holidays: await findHolidays(tx),
  }));
  const examples: MovedInvoice[] = [];
  let invoices = 0;
  let changed = 0;
  for (let after: InvoiceId | null = null; ; ) {
    const from: InvoiceId | null = after;
    const moved = await tools.db.begin(async (tx) => {
      const now = await tools.clock.now(tx);
      const page = await tools.running.lockPage(tx, { policy: to, after: from, now }, PAGE);
      const made = page.map((one) => movedTo(to, one, holidays, now));
      await tools.running.save(tx, made, to, { actor, now });
      return made;
    });
    const otherwise = moved.filter((one) => one.before?.toMillis() !== one.after?.toMillis());
    invoices += moved.length;
    changed += otherwise.length;
    examples.push(...otherwise.slice(0, EXAMPLES - examples.length));
    after = moved.at(-1)?.id ?? null;
    if (moved.length < PAGE || after === null) return { invoices, changed, examples };
  }
}

async function demandVersion(
  tx: Tx,
  builtIn: DunningPolicy,
  { code, toVersion: version }: { readonly code: string; readonly toVersion: number },
): Promise<DunningPolicy> {
  if (code === builtIn.code && version === builtIn.version) return builtIn;
  const found = (await policiesAt(tx, [{ code, version }])).get(`${code}/${version}`);
  if (found === undefined)
    throw new NotFoundError(`there is no version ${version} of dunning policy ${code}`);
  return found;
}

function movedTo(
  to: DunningPolicy,
  { id, version, facts, plannedAt }: RunningInvoice,
  holidays: ReadonlySet<LocalDate>,
  now: Instant,
): MovedInvoice {
  const planned = facts === null ? null : nextTry(to, facts, holidays, now).at;
  return { id, fromVersion: version, before: plannedAt, after: planned ?? plannedAt };
}
