import { expect, test } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { bind } from "../support/stories.ts";

const BUDI = { reference: "budi", phone: "6281234567890" };
const FILE = [
  "reference,customer,customer_name,phone,plan,start_on,cycles",
  `gym-1,budi,Budi,0${BUDI.phone.slice(2)},gym,2024-12-31,29`,
  "gym-2,sari,Sari,081234567891,gym,31/12/2024,",
].join("\n");

/** Sends a file to the API as its callers do. */
async function post(
  home: TestHouse,
  file: string,
  more: { query?: string; headers?: Record<string, string> } = {},
) {
  const response = await fetch(`${home.doors.url}/api/v1/imports${more.query ?? ""}`, {
    method: "POST",
    headers: {
      authorization: "Bearer secret-of-admin-0123456789",
      "content-type": "text/csv",
      ...more.headers,
    },
    body: file,
  });
  return { status: response.status, headers: response.headers, json: await response.json() };
}

async function gym(): Promise<TestHouse> {
  const home = await buildHouse({ start: "2027-03-10T10:00:00+07:00" });
  await home.api("POST", "/plans", { code: "gym", name: "Gym", amount: 99_000, interval: "month" });
  return home;
}

const periods = (home: TestHouse) =>
  home.query(
    `select i.period_index, i.period_start::text, i.period_end::text, i.amount::int, i.state
       from invoices i order by i.period_index limit 20`,
  );

test("an imported subscription is billed from its next boundary to its last cycle, and for nothing of the past", async () => {
  const home = await gym();
  const errors = [
    { line: 3, reference: "gym-2", column: "start_on", message: expect.stringMatching(/must be a date/) },
  ];
  expect(await post(home, FILE, { query: "?dry_run=true" })).toMatchObject({
    status: 200,
    json: { dry_run: true, imported: 0, importable: 1, unchanged: 0, refused: 1, errors },
  });
  expect((await post(home, FILE)).json).toEqual({
    imported: 1,
    importable: 0,
    unchanged: 0,
    refused: 1,
    errors,
  });
  expect((await post(home, FILE)).json).toMatchObject({ imported: 0, unchanged: 1, refused: 1 });
  await home.live({ days: 5 });
  expect(await periods(home)).toEqual([]);

  home.simulator.addWallet({ phone: BUDI.phone, balance: 1_000_000 });
  await bind(home, BUDI);
  await home.live({ days: 10 });
  expect(await periods(home)).toEqual([]);
  await home.live("2027-08-01T12:00:00+07:00");
  // Of 29 cycles 27 are of the past.
  expect(await home.api("GET", "/subscriptions/gym-1")).toMatchObject({
    state: "completed",
    start_on: "2024-12-31",
  });
  expect(await periods(home)).toEqual([
    { period_index: 27, period_start: "2027-03-31", period_end: "2027-04-30", amount: 99_000, state: "paid" },
    { period_index: 28, period_start: "2027-04-30", period_end: "2027-05-31", amount: 99_000, state: "paid" },
  ]);
});

test("a file that is sent twice under one key is imported once, and another one under it is refused", async () => {
  const home = await gym();
  const headers = { "idempotency-key": "monday" };
  const first = await post(home, FILE, { headers });
  const again = await post(home, FILE, { headers });
  expect([again.headers.get("idempotent-replayed"), again.json]).toEqual(["true", first.json]);
  expect(await post(home, `${FILE}\n`, { headers })).toMatchObject({ status: 409 });
});

test.each<[string, string, Record<string, string>, number, string]>([
  ["of another type", FILE, { "content-type": "application/json" }, 415, "unsupported_media_type"],
  ["that is empty", "", {}, 422, "invalid"],
  ["of other columns", "referense\n", {}, 422, "invalid"],
  ["without a key of the API", FILE, { authorization: "Bearer x" }, 401, "unauthorised"],
  ["that is enormous", "x".repeat(17 * 1024 * 1024), {}, 413, "too_large"],
])("a file %s is refused", async (_name, file, headers, status, code) => {
  const home = await gym();
  expect(await post(home, file, { headers })).toMatchObject({ status, json: { code } });
});
