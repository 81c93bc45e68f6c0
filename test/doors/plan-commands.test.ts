import { afterAll, expect, test } from "vitest";
import { freshDatabaseUrl } from "../support/db.ts";
import { MERCHANT, makeFolder, runTagih } from "../support/run-tagih.ts";

const folder = makeFolder();
afterAll(folder.remove);

test("a plan is priced, checked, migrated and taken off the offer from the command line", {
  timeout: 120_000,
}, async () => {
  const env = {
    DATABASE_URL: await freshDatabaseUrl(),
    TAGIH_ENCRYPTION_KEY: MERCHANT.env.TAGIH_ENCRYPTION_KEY,
    QUEUE_BACKEND: "postgres",
  };
  const tagih = (words: string) => runTagih(words.split(" "), { cwd: folder.path, env });
  const json = async (words: string) => {
    const { code, out, err } = await tagih(`${words} --json`);
    if (code !== 0) throw new Error(`${words} ended with ${code}: ${err}`);
    return JSON.parse(out);
  };
  const gold = "plan create --code gold --name Emas --interval month --tax-percent 11.5";
  expect(await json(`${gold} --amount 2500000`)).toMatchObject({
    tax: { percent: 11.5, amount: 257_848 },
    warnings: [expect.stringContaining("only customers with OVO Premier can pay it")],
  });
  expect(await json("plan price gold --amount 99000")).toMatchObject({ version: 2, warnings: [] });
  expect(await json("plan feasibility gold")).toMatchObject({ amount: 99_000, warnings: [] });
  await json("customer create --reference budi --name Budi --phone 081234567890");
  await json("subscription create --reference s-1 --customer budi --plan gold");
  await json("plan price gold --amount 120000 --effective-on 2099-01-01");

  const asked =
    "plan migrate gold --to-version 3 --effective-on 2099-02-01 --from-versions 1 --from-versions 2";
  const preview = await json(`${asked} --dry-run`);
  expect(preview).toMatchObject({
    dry_run: true,
    from_versions: [1, 2],
    subscriptions: 1,
    amount_before: 99_000,
    amount_after: 120_000,
    first: [{ subscription: "s-1", customer: "budi", version: 2 }],
  });
  const shown = await tagih(`${asked} --dry-run`);
  expect(shown.out).toMatch(/^subscriptions: +1$/m);
  expect(shown.out).toMatch(/^s-1 +budi +2 +99000 +120000/m);
  const { id } = await json(`${asked} --preview ${preview.preview}`);
  expect(await json("plan migrations gold")).toMatchObject({ data: [{ id, subscriptions: 1 }] });
  expect(await json(`plan migrated gold ${id}`)).toMatchObject({ data: [{ subscription: "s-1" }] });
  expect(await json(`plan cancel-migration gold ${id} --reason mistake`)).toMatchObject({
    canceled: { by: "cli", reason: "mistake", withdrawn: 1 },
  });
  expect(await json(`plan migration gold ${id}`)).toMatchObject({ canceled: { withdrawn: 1 } });
  const wrong = await tagih("plan migrate gold --to-version 9 --effective-on 2099-02-01");
  expect([wrong.code, wrong.err]).toEqual([
    64,
    expect.stringContaining("--to-version: gold has no version 9"),
  ]);

  expect(await json("plan update gold --archived true")).toMatchObject({ archived_at: expect.any(String) });
  const late = await tagih("subscription create --reference s-2 --customer budi --plan gold");
  expect([late.code, late.err]).toEqual([64, expect.stringContaining("gold is archived")]);
  expect((await json("plan prices gold")).data).toHaveLength(3);
});
