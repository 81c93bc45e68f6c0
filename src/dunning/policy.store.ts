import { InvariantError } from "../kernel/errors.ts";
import { type Instant, instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { DunningPolicy } from "./policy.ts";
import { type PolicyFile, policyFile, policyOf } from "./policy-file.ts";

/** A version of a policy as it was stored. Versions are never changed, only followed by others. */
export type StoredPolicy = {
  readonly code: string;
  readonly version: number;
  readonly file: PolicyFile;
  /** The text it was read from; null: it was given as JSON fields. */
  readonly source: string | null;
  readonly createdAt: Instant;
  readonly createdBy: string;
};

/** More versions than a policy is likely to have; a list of them still fits one answer. */
const VERSIONS_SHOWN = 200;

const COLUMNS = "code, version, policy, source, created_at, created_by";

/** Stores `policy` as the next version of its code, at least `lowest`; who does the same meanwhile waits. */
export async function insertPolicy(
  tx: Tx,
  policy: Omit<StoredPolicy, "version">,
  lowest: number,
): Promise<StoredPolicy> {
  await tx.query(`lock table dunning_policies in share row exclusive mode`);
  const rows = await tx.query<PolicyRow>(
    `insert into dunning_policies (code, version, policy, source, created_at, created_by)
     select $1, greatest(coalesce(max(version) + 1, 1), $6), $2, $3, $4, $5
       from dunning_policies
      where code = $1
     returning ${COLUMNS}`,
    [
      policy.code,
      JSON.stringify(policy.file),
      policy.source,
      policy.createdAt.toJSDate(),
      policy.createdBy,
      lowest,
    ],
  );
  return rows.map(storedFromRow)[0] as StoredPolicy;
}

/** The newest version of every code behind `after`, by code. */
export async function newestPolicies(tx: Tx, after: string | null, limit: number): Promise<StoredPolicy[]> {
  const rows = await tx.query<PolicyRow>(
    `select distinct on (code) ${COLUMNS}
       from dunning_policies
      where $1::text is null or code > $1
      order by code, version desc
      limit $2`,
    [after, limit],
  );
  return rows.map(storedFromRow);
}

/** The versions of `code`, newest first. */
export async function policyVersions(tx: Tx, code: string): Promise<StoredPolicy[]> {
  const rows = await tx.query<PolicyRow>(
    `select ${COLUMNS} from dunning_policies where code = $1 order by version desc limit $2`,
    [code, VERSIONS_SHOWN],
  );
  return rows.map(storedFromRow);
}

/** Stored policies by `code/version`, for what decides by them; what is not stored is left out. */
export async function policiesAt(
  tx: Tx,
  wanted: readonly { readonly code: string; readonly version: number }[],
): Promise<ReadonlyMap<string, DunningPolicy>> {
  if (wanted.length === 0) return new Map();
  const rows = await tx.query<PolicyRow>(
    `select ${COLUMNS}
       from dunning_policies
      where (code, version) in (select code, version from unnest($1::text[], $2::int[]) as w (code, version))
      order by code, version
      limit $3`,
    [wanted.map(({ code }) => code), wanted.map(({ version }) => version), wanted.length],
  );
  return new Map(
    rows
      .map(storedFromRow)
      .map(({ code, version, file }) => [`${code}/${version}`, policyOf(file, code, version)]),
  );
}

type PolicyRow = {
  code: string;
  version: number;
  policy: unknown;
  source: string | null;
  created_at: Date;
  created_by: string;
};

function storedFromRow(row: PolicyRow): StoredPolicy {
  const read = policyFile.safeParse(row.policy);
  if (!read.success)
    throw new InvariantError("a stored dunning policy cannot be read", {
      code: row.code,
      version: row.version,
      problems: read.error.message,
    });
  return {
    code: row.code,
    version: row.version,
    file: read.data,
    source: row.source,
    createdAt: instant(row.created_at),
    createdBy: row.created_by,
  };
}
