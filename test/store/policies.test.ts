import { describe, expect, test } from "vitest";
import { defaultPolicy } from "../../src/dunning/default-policy.ts";
import { findHolidays } from "../../src/dunning/holiday.store.ts";
import { policyRoutes } from "../../src/dunning/policy.routes.ts";
import { insertPolicy, policiesAt } from "../../src/dunning/policy.store.ts";
import { fileOf } from "../../src/dunning/policy-file.ts";
import { runningInvoices } from "../../src/invoices/policy-move.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { call } from "../support/call-route.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase, expectBroken, storeAttempt, storeInvoice } from "./invoice-rows.ts";

const BUILT_IN = defaultPolicy({
  zone: "Asia/Jakarta",
  window: { from: "08:00", to: "20:00" },
  inquiryLadderMs: [65_000, 300_000],
});

async function house(): Promise<{ readonly db: RoomsDatabase; readonly routes: ApiRoute[] }> {
  const db = await emptyDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  return {
    db,
    routes: policyRoutes({ db, clock: turnedClock, builtIn: () => BUILT_IN, running: runningInvoices }),
  };
}

const setPolicy = (routes: ApiRoute[], body: object, dryRun = false) =>
  call(routes, "POST", "/dunning-policies", { body, dryRun });

describe("policies", () => {
  test("the built-in one is there without being stored, and gives way to a stored version of its code", async () => {
    const { routes } = await house();
    const list = async () => (await call(routes, "GET", "/dunning-policies"))["data"];
    expect(await list()).toEqual([{ code: "ovo-default", version: 1, created_at: null, created_by: null }]);
    await setPolicy(routes, { code: "ovo-default", policy: { manual: { retry_now_per_cycle: 3 } } });
    expect(await list()).toMatchObject([{ code: "ovo-default", version: 2, created_by: "sari" }]);
    const shown = await call(routes, "GET", "/dunning-policies/:code", { params: { code: "ovo-default" } });
    expect(shown).toMatchObject({ version: 2, policy: { manual: { retry_now_per_cycle: 3 } } });
    expect(shown["versions"]).toMatchObject([{ version: 2 }, { version: 1, created_by: null }]);
    const first = { params: { code: "ovo-default" }, query: { version: "1" } };
    expect(await call(routes, "GET", "/dunning-policies/:code", first)).toMatchObject({
      policy: { manual: { retry_now_per_cycle: 5 } },
    });
  });

  test("a list read page by page has the built-in one in its place", async () => {
    const { routes } = await house();
    for (const code of ["a", "z"]) await setPolicy(routes, { code, policy: {} });
    const first = await call(routes, "GET", "/dunning-policies", { query: { limit: "2" } });
    expect(first["data"]).toMatchObject([{ code: "a", version: 1 }, { code: "ovo-default" }]);
    const second = await call(routes, "GET", "/dunning-policies", {
      query: { limit: "2", cursor: first["next_cursor"] },
    });
    expect(second).toMatchObject({ data: [{ code: "z" }], next_cursor: null });
  });

  test("a policy is read from text, stored with it, and comes back as it was meant", async () => {
    const { db, routes } = await house();
    const source = "# ours\nladder:\n  funds: [2, 4]\nend: { after_days: 9 }\n";
    expect(await setPolicy(routes, { code: "p", source })).toMatchObject({ version: 1, warnings: [] });
    const [found] = [...(await db.begin((tx) => policiesAt(tx, [{ code: "p", version: 1 }]))).values()];
    expect(found).toEqual({
      ...BUILT_IN,
      code: "p",
      version: 1,
      ladders: { ...BUILT_IN.ladders, funds: [2, 4] },
      end: { ...BUILT_IN.end, afterDays: 9 },
    });
    const shown = await call(routes, "GET", "/dunning-policies/:code", { params: { code: "p" } });
    expect(shown["source"]).toBe(source);
  });

  test("mistakes are refused together, each with its line, and nothing is stored", async () => {
    const { routes } = await house();
    const source = "zone: Asia/Jakarta\nladder:\n  funds: [7, 5]\nprobes: { per_day: 3 }\n";
    await expect(setPolicy(routes, { code: "p", source })).rejects.toThrow(
      "line 3: ladder.funds: must grow: 5 after 7; line 4: probes.per_day: must be the number of times in probes.at (2); it may be left out",
    );
    await expect(setPolicy(routes, { code: "p", policy: { laddr: {} } })).rejects.toMatchObject({
      details: { errors: [{ field: "policy.laddr", message: "is not a known field; is it ladder?" }] },
    });
    await expect(setPolicy(routes, { code: "p" })).rejects.toThrow("give either");
    await expect(call(routes, "GET", "/dunning-policies/:code", { params: { code: "p" } })).rejects.toThrow(
      "there is no dunning policy p",
    );
  });

  test("two who store at once get two versions", async () => {
    const { db } = await house();
    const given = { code: "p", file: fileOf(BUILT_IN), source: null, createdAt: NOON, createdBy: "sari" };
    const made = await Promise.all(
      Array.from({ length: 4 }, () => db.begin((tx) => insertPolicy(tx, given, 1))),
    );
    expect(made.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4]);
  });

  test("versions are never changed, and an invoice has a decline class that is known", async () => {
    const { db, routes } = await house();
    await setPolicy(routes, { code: "p", policy: {} });
    await storeInvoice(db);
    await expect(db.query(`update dunning_policies set version = 2`)).rejects.toThrow("append-only");
    await expectBroken(db, [["invoices_class_known", `update invoices set decline_class = 'mood'`]]);
  });
});

describe("holidays", () => {
  test("a file takes the place of its own years only", async () => {
    const { db, routes } = await house();
    const put = (source: string) => call(routes, "POST", "/dunning-holidays", { body: { source } });
    await put("2026-12-25 Natal\n2027-01-01 Tahun Baru\n2027-05-01 Hari Buruh");
    await put("# decree of 2027\n2027-01-01 Tahun Baru  # fixed\n2027-03-10 Idulfitri");
    expect([...(await db.begin(findHolidays))]).toEqual(["2026-12-25", "2027-01-01", "2027-03-10"]);
    expect(await call(routes, "GET", "/dunning-holidays", { query: { limit: "1" } })).toMatchObject({
      data: [{ date: "2026-12-25", name: "Natal" }],
    });
    await expect(put("2027-02-30 Nobody")).rejects.toThrow("line 1: 2027-02-30 is no date that exists");
    await expect(put("# nothing")).rejects.toThrow("there is no holiday in it");
  });
});

describe("a move of running invoices", () => {
  const move = (routes: ApiRoute[], to_version: number, dryRun = false) =>
    call(routes, "POST", "/dunning-policies/:code/move", {
      params: { code: "ovo-default" },
      body: { to_version },
      dryRun,
    });

  /** Short of balance since noon of 10 March 2027; the next try is planned for the 11th at 08:00. */
  async function inDunning(db: RoomsDatabase, name: string): Promise<InvoiceId> {
    const id = await storeInvoice(db, name);
    await db.query(
      `update invoices set first_failed_at = $2, decline_class = 'funds', outcome = $4::jsonb,
              retry_at = $3, next_action_at = $3
        where id = $1`,
      [
        id,
        NOON.toJSDate(),
        new Date("2027-03-11T01:00:00Z"),
        JSON.stringify({ kind: "balance", at: NOON.toISO(), available: 0 }),
      ],
    );
    return id;
  }

  test("shows how many next steps would be at another time, and then does exactly that", async () => {
    const { db, routes } = await house();
    const ids = [await inDunning(db, "s-1"), await inDunning(db, "s-2")].sort();
    await storeInvoice(db, "s-3");
    const policy = { ladder: { funds: [4, 8] }, probes: { at: [] } };
    await setPolicy(routes, { code: "ovo-default", policy });
    const preview = await move(routes, 2, true);
    expect(preview).toMatchObject({ invoices: 3, changed: 2 });
    expect(preview["examples"]).toEqual(
      ids.map((invoice) => ({
        invoice,
        from_version: 1,
        before: "2027-03-11T01:00:00.000Z",
        after: "2027-03-14T01:00:00.000Z",
      })),
    );
    expect(await versions(db)).toEqual({ "null/1": 3 });
    expect(await move(routes, 2)).toEqual(preview);
    expect(await versions(db)).toEqual({ "ovo-default/2": 3 });
    const times = await db.query<{ at: Date }>(
      `select next_action_at as at from invoices where id = any($1)`,
      [ids],
    );
    expect(times.map(({ at }) => at.toISOString())).toEqual(Array(2).fill("2027-03-14T01:00:00.000Z"));
    const said = await db.query<{ says: string }>(`select says from decisions where rule = 'dunning.moved'`);
    expect(said).toHaveLength(3);
    expect(said[0]?.says).toBe("sari moved it from version 1 of ovo-default to version 2");
    expect(await move(routes, 2)).toMatchObject({ invoices: 0, changed: 0, examples: [] });
  });

  test("leaves the time of an invoice that is being collected or in doubt, and moves it all the same", async () => {
    const { db, routes } = await house();
    const leased = await inDunning(db, "s-1");
    const live = await inDunning(db, "s-2");
    await db.query(`update invoices set leased_until = clock_timestamp() + interval '1 hour' where id = $1`, [
      leased,
    ]);
    await storeAttempt(db, live, { state: "unknown" });
    await setPolicy(routes, { code: "ovo-default", policy: { ladder: { funds: [4] }, probes: { at: [] } } });
    expect(await move(routes, 2)).toMatchObject({ invoices: 2, changed: 0 });
    expect(await versions(db)).toEqual({ "ovo-default/2": 2 });
  });

  test("to a version that there is not is refused, and back to the built-in one is possible", async () => {
    const { db, routes } = await house();
    await inDunning(db, "s-1");
    await expect(move(routes, 7)).rejects.toThrow("there is no version 7 of dunning policy ovo-default");
    await setPolicy(routes, { code: "ovo-default", policy: {} });
    await move(routes, 2);
    expect(await move(routes, 1)).toMatchObject({ invoices: 1 });
    expect(await versions(db)).toEqual({ "ovo-default/1": 1 });
  });

  test("goes over more than one page", async () => {
    const { db, routes } = await house();
    const id = await inDunning(db, "s-1");
    await db.query(
      `insert into invoices (id, subscription_id, customer_id, plan_version_id, kind, period_index, issue_number,
                             period_start, period_end, bills_on, amount, next_action_at, created_at)
       select gen_random_uuid(), subscription_id, customer_id, plan_version_id, 'change', n, 0, period_start, period_end,
              bills_on, amount, next_action_at, created_at
         from invoices, generate_series(1, 1001) n
        where id = $1`,
      [id],
    );
    await setPolicy(routes, { code: "ovo-default", policy: {} });
    expect(await move(routes, 2)).toMatchObject({ invoices: 1_002 });
  });
});

async function versions(db: RoomsDatabase): Promise<Record<string, number>> {
  const rows = await db.query<{ version: string; count: number }>(
    `select coalesce(policy_code, 'null') || '/' || policy_version as version, count(*)::int as count
       from invoices
      group by 1
      order by 1
      limit 10`,
  );
  return Object.fromEntries(rows.map(({ version, count }) => [version, count]));
}
