import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import { isLocalDate } from "../kernel/time.ts";
import {
  afterCursor,
  dateField,
  fileField,
  momentField,
  pageAnswer,
  pageFields,
  pageOf,
  referenceField,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { listHolidays } from "./holiday.store.ts";
import {
  listPolicies,
  type PolicyTools,
  type ShownPolicy,
  setHolidays,
  setPolicy,
  versionsOfPolicy,
} from "./keep-policies.flow.ts";
import { type MoveTools, movePolicy } from "./move-policy.flow.ts";
import { policyFile } from "./policy-file.ts";
import { LONGEST_SOURCE } from "./read-policy.ts";

/** Dunning policies and holidays: how unpaid invoices are pursued, as data. */
export function policyRoutes(tools: MoveTools): ApiRoute[] {
  return [list(tools), set(tools), show(tools), move(tools), holidays(tools), putHolidays(tools)];
}

const storedFields = {
  version: z.int(),
  created_at: momentField().nullable().describe("null: built in"),
  created_by: z.string().nullable(),
};
const listedAnswer = z.strictObject({ code: z.string(), ...storedFields });
const policyAnswer = listedAnswer.extend({ policy: policyFile });

function list({ db, builtIn }: PolicyTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/dunning-policies",
    command: "policy list",
    summary: "Dunning policies, each with its newest version",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(listedAnswer),
    run: ({ query: { limit, cursor } }) =>
      db.begin(async (tx) => {
        const rows = await listPolicies(tx, builtIn(), afterCursor(cursor), limit + 1);
        return pageOf(rows, limit, ({ code }) => code, showListed);
      }),
  });
}

const newPolicy = z.strictObject({
  code: referenceField(),
  source: fileField(LONGEST_SOURCE).optional().describe("the policy as YAML or JSON text"),
  policy: z.record(z.string(), z.unknown()).optional().describe("the same as fields"),
});

function set(tools: PolicyTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/dunning-policies",
    command: "policy set",
    dryRun: true,
    summary: "Store a dunning policy as the next version of its code; running invoices keep theirs",
    roles: ["billing"],
    idempotency: "optional",
    status: 201,
    body: newPolicy,
    answers: policyAnswer.extend({ warnings: z.array(z.string()) }),
    run: ({ body: { code, source, policy: fields }, actor, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const { policy, warnings } = await setPolicy({ ...tools, db }, { code, source, fields }, actor);
        return { ...showPolicy(policy), warnings };
      }),
  });
}

const versionQuery = z.strictObject({
  version: z.coerce
    .number({ error: "must be the number of a version" })
    .int({ error: "must be the number of a version" })
    .min(1, { error: "must be the number of a version" })
    .max(1_000_000, { error: "must be the number of a version" })
    .optional()
    .describe("another version than the newest"),
});

function show({ db, builtIn }: PolicyTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/dunning-policies/:code",
    command: "policy show",
    summary: "A dunning policy with all its fields, and the versions it has had",
    roles: EVERYBODY,
    idempotency: "none",
    query: versionQuery,
    answers: policyAnswer.extend({
      source: z.string().nullable(),
      versions: z.array(z.strictObject(storedFields)),
    }),
    run: ({ params, query }) =>
      db.begin(async (tx) => {
        const versions = await versionsOfPolicy(tx, builtIn(), params["code"] ?? "");
        const shown = demandShown(versions, params["code"] ?? "", query.version);
        return {
          ...showPolicy(shown),
          source: shown.source,
          versions: versions.map((one) => {
            const { code: _, ...version } = showListed(one);
            return version;
          }),
        };
      }),
  });
}

const movedAnswer = z.strictObject({
  code: z.string(),
  to_version: z.int(),
  invoices: z.int().describe("open invoices that get the version"),
  changed: z.int().describe("of how many the next step gets another time"),
  examples: z.array(
    z.strictObject({
      invoice: z.string(),
      from_version: z.int(),
      before: momentField().nullable(),
      after: momentField().nullable(),
    }),
  ),
});

function move(tools: MoveTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/dunning-policies/:code/move",
    command: "policy move",
    dryRun: true,
    summary: "Move the running invoices of a dunning policy to one of its versions; a dry run is the preview",
    roles: ["billing"],
    idempotency: "optional",
    body: z.strictObject({ to_version: wholeField(1, 1_000_000) }),
    answers: movedAnswer,
    run: ({ params, body, actor, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const given = { code: params["code"] ?? "", toVersion: body.to_version };
        const { invoices, changed, examples } = await movePolicy({ ...tools, db }, given, actor.name);
        return {
          code: given.code,
          to_version: given.toVersion,
          invoices,
          changed,
          examples: examples.map(({ id, fromVersion, before, after }) => ({
            invoice: id,
            from_version: fromVersion,
            before: before?.toISO() ?? null,
            after: after?.toISO() ?? null,
          })),
        };
      }),
  });
}

const holidayAnswer = z.strictObject({ date: dateField(), name: z.string() });

function holidays({ db }: PolicyTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/dunning-holidays",
    command: "policy holidays",
    summary: "Days on which no salary is paid",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(holidayAnswer),
    run: ({ query: { limit, cursor } }) =>
      db.begin(async (tx) => {
        const rows = await listHolidays(tx, afterCursor(cursor, isLocalDate), limit + 1);
        const shown = ({ date, name }: { readonly date: string; readonly name: string }) => ({ date, name });
        return pageOf(rows, limit, ({ date }) => date, shown);
      }),
  });
}

const newHolidays = z.strictObject({
  source: fileField(LONGEST_SOURCE).describe("a date and its name a line; # begins a comment"),
});

function putHolidays(tools: PolicyTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/dunning-holidays",
    command: "policy set-holidays",
    dryRun: true,
    summary: "Put the holidays of a file in the place of those of its years",
    roles: ["billing"],
    idempotency: "optional",
    body: newHolidays,
    answers: z.strictObject({ holidays: z.array(holidayAnswer) }),
    run: ({ body: { source }, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => ({ holidays: await setHolidays({ ...tools, db }, source) })),
  });
}

function demandShown(
  versions: readonly ShownPolicy[],
  code: string,
  version: number | undefined,
): ShownPolicy {
  const found = version === undefined ? versions[0] : versions.find((one) => one.version === version);
  if (found === undefined)
    throw new NotFoundError(`there is no version ${version} of dunning policy ${code}`);
  return found;
}

function showListed({ code, version, createdAt, createdBy }: ShownPolicy): z.input<typeof listedAnswer> {
  return { code, version, created_at: createdAt?.toISO() ?? null, created_by: createdBy };
}

function showPolicy(policy: ShownPolicy): z.input<typeof policyAnswer> {
  return { ...showListed(policy), policy: policy.file };
}
