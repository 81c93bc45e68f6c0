import { describe, expect, it } from "vitest";
import { limitConcurrency } from "../../src/platform/limit.ts";

/** Work that ends when it is told to; `settled` waits for all that follows from that. */
function piece(limit: ReturnType<typeof limitConcurrency>, started: number[], number: number) {
  let end: (error?: Error) => void = () => {};
  const done = limit(
    () =>
      new Promise<number>((resolve, reject) => {
        started.push(number);
        end = (error) => (error === undefined ? resolve(number) : reject(error));
      }),
  );
  done.catch(() => {});
  return { done, end: (error?: Error) => end(error) };
}

const settled = () => new Promise((resume) => setImmediate(resume));

describe("at most so many at once", () => {
  it("run; the others wait their turn, first come first served", async () => {
    const started: number[] = [];
    const limit = limitConcurrency(2);
    const pieces = [0, 1, 2, 3].map((number) => piece(limit, started, number));
    await settled();
    expect(started).toEqual([0, 1]);
    pieces[1]?.end();
    await settled();
    expect(started).toEqual([0, 1, 2]);
    pieces[0]?.end();
    await settled();
    expect(started).toEqual([0, 1, 2, 3]);
    for (const { end } of pieces) end();
    expect(await Promise.all(pieces.map(({ done }) => done))).toEqual([0, 1, 2, 3]);
  });

  it("a piece that fails gives its place to the next, and its error to its caller", async () => {
    const started: number[] = [];
    const limit = limitConcurrency(1);
    const [first, second] = [piece(limit, started, 0), piece(limit, started, 1)];
    await settled();
    first.end(new Error("lost"));
    await expect(first.done).rejects.toThrow("lost");
    await settled();
    expect(started).toEqual([0, 1]);
    second.end();
    expect(await second.done).toBe(1);
  });

  it("work that throws before it begins does not keep its place", async () => {
    const limit = limitConcurrency(1);
    const thrown = limit(() => {
      throw new Error("at once");
    });
    await expect(thrown).rejects.toThrow("at once");
    expect(await limit(async () => "next")).toBe("next");
  });

  it.each([0, 1, 2, 3, 4, 5, 6])(
    "one who comes %i turns after a piece has ended does not take the place of one who waited",
    async (turns) => {
      const started: number[] = [];
      const limit = limitConcurrency(1);
      const [first, second] = [piece(limit, started, 0), piece(limit, started, 1)];
      await settled();
      first.end();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      const third = piece(limit, started, 2);
      await settled();
      expect(started).toEqual([0, 1]);
      second.end();
      await settled();
      third.end();
      expect(await third.done).toBe(2);
    },
  );
});
