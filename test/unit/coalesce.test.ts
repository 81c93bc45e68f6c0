import { expect, it } from "vitest";
import { coalesce } from "../../src/platform/coalesce.ts";

it("what arrives while one set is on its way is the next set, in order", async () => {
  const sets: number[][] = [];
  const double = coalesce<number, number>(100, async (items) => {
    sets.push([...items]);
    await Promise.resolve();
    return items.map((item) => item * 2);
  });
  const first = [1, 2, 3].map(double);
  await Promise.all(first);
  expect(await Promise.all([4, 5].map(double))).toEqual([8, 10]);
  expect(await Promise.all(first)).toEqual([2, 4, 6]);
  expect(sets).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

it("a set is never larger than its limit", async () => {
  const sizes: number[] = [];
  const echo = coalesce<number, number>(10, async (items) => {
    sizes.push(items.length);
    return items;
  });
  await Promise.all(Array.from({ length: 25 }, (_, index) => echo(index)));
  expect(sizes).toEqual([10, 10, 5]);
});

it("one poisoned row in 250 is rejected, and its 249 neighbours go through", async () => {
  const echo = coalesce<number, number>(250, async (items) => {
    if (items.includes(77)) throw new Error("poison");
    return items;
  });
  const settled = await Promise.allSettled(Array.from({ length: 250 }, (_, index) => echo(index)));
  expect(settled.filter((each) => each.status === "rejected")).toHaveLength(1);
  expect(settled[77]).toMatchObject({ status: "rejected", reason: { message: "poison" } });
});

it("a member that fails with its set and then alone succeeds", async () => {
  let calls = 0;
  const echo = coalesce<number, number>(10, async (items) => {
    calls += 1;
    if (calls === 1) throw new Error("connection lost");
    return items;
  });
  expect(await echo(1)).toBe(1);
});

it("with PostgreSQL away a set is tried again as it is, and then all of it is rejected at once", async () => {
  const sizes: number[] = [];
  let away = 1;
  const echo = coalesce<number, number>(10, async (items) => {
    sizes.push(items.length);
    if (sizes.length <= away) throw Object.assign(new Error("terminating connection"), { code: "57P01" });
    return items;
  });
  expect(await Promise.all([1, 2, 3].map(echo))).toEqual([1, 2, 3]);
  expect(sizes).toEqual([3, 3]);
  away = 100;
  const settled = await Promise.allSettled([1, 2, 3].map(echo));
  expect(settled.every(({ status }) => status === "rejected")).toBe(true);
  expect(sizes).toEqual([3, 3, 3, 3, 3]);
});
