import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { DunningPolicy } from "./policy.ts";

/** The version of a policy that an invoice keeps; a code of null is the built-in one. */
export type PolicyName = { readonly policyCode: string | null; readonly policyVersion: number };

/** The policies that are stored, and the built-in one. Versions never change, so that a process remembers them. */
export type PolicyBook = {
  read(
    tx: Tx,
    names: readonly PolicyName[],
  ): Promise<{
    readonly of: (name: PolicyName) => DunningPolicy;
    /** Days that are none to collect on. */
    readonly holidays: ReadonlySet<LocalDate>;
  }>;
};
