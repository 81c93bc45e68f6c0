import { describe, expect, it } from "vitest";
import {
  afterCall,
  FRESH_WINDOW,
  inFlightWindow,
  LARGEST_WINDOW,
  type WindowState,
} from "../../src/platform/in-flight-window.ts";

const call = { startedAtMs: 0, endedAtMs: 100, outcome: "good", full: true } as const;

function afterMany(state: WindowState, times: number, change: Partial<Parameters<typeof afterCall>[1]> = {}) {
  let after = state;
  for (let time = 0; time < times; time += 1) after = afterCall(after, { ...call, ...change });
  return after;
}

describe("the window of calls in flight", () => {
  it("doubles a round trip while all goes well, and never beyond its limit", () => {
    expect(afterMany(FRESH_WINDOW, 32).size).toBe(64);
    expect(afterMany(FRESH_WINDOW, 10_000).size).toBe(LARGEST_WINDOW);
  });

  it("does not grow while it is not used", () => {
    expect(afterMany(FRESH_WINDOW, 100, { full: false }).size).toBe(FRESH_WINDOW.size);
  });

  it.each(["busy", "bad"] as const)("halves while calls are %s, once a round trip", (outcome) => {
    const wide = { ...FRESH_WINDOW, size: 200, badShare: 0.5 };
    const once = afterCall(wide, { ...call, startedAtMs: 1_000, endedAtMs: 1_100, outcome });
    expect(once.size).toBe(100);
    const same = afterCall(once, { ...call, startedAtMs: 1_050, endedAtMs: 1_150, outcome });
    expect(same.size).toBe(100);
    const next = afterCall(same, { ...call, startedAtMs: 1_100, endedAtMs: 1_200, outcome });
    expect(next.size).toBe(50);
  });

  it("does not take a lost call now and then for strain, but several that come close together", () => {
    let state: WindowState = { ...FRESH_WINDOW, size: 200 };
    for (let lost = 0; lost < 20; lost += 1)
      state = afterMany(afterCall(state, { ...call, outcome: "bad" }), 30);
    expect(state.size).toBe(LARGEST_WINDOW);
    const close = afterMany({ ...FRESH_WINDOW, size: 200 }, 3, { outcome: "bad" });
    expect(close.size).toBe(100);
  });

  it("never closes: some calls find out that the gateway is well again", () => {
    let state: WindowState = FRESH_WINDOW;
    for (let at = 0; at < 100; at += 1)
      state = afterCall(state, { ...call, startedAtMs: at * 100, endedAtMs: at * 100 + 50, outcome: "bad" });
    expect(state.size).toBe(4);
  });

  it("grows by one a round trip after the first strain", () => {
    const strained = { ...FRESH_WINDOW, size: 100, probing: false };
    expect(afterMany(strained, 100).size).toBeCloseTo(101, 0);
  });

  it("gives way a little when answers come late: more than three times the shortest, and more than five seconds", () => {
    const known = { ...FRESH_WINDOW, size: 100, baseMs: 2_000 };
    expect(afterCall(known, { ...call, endedAtMs: 5_900 }).size).toBeGreaterThan(100);
    expect(afterCall(known, { ...call, endedAtMs: 6_100 }).size).toBe(90);
    const near = { ...known, baseMs: 2 };
    expect(afterCall(near, { ...call, endedAtMs: 4_900 }).size).toBeGreaterThan(100);
  });
});

describe("places", () => {
  it("are given at once while there are any, at most as many as are wanted", async () => {
    const window = inFlightWindow();
    expect(await window.take(10)).toBe(10);
    expect(await window.take(250)).toBe(22);
  });

  it("wait for a quarter of the window, so that a page is not leased row by row", async () => {
    const window = inFlightWindow();
    expect(await window.take(32)).toBe(32);
    let got = 0;
    void window.take(250).then((places) => {
      got = places;
    });
    window.giveBack(7);
    await Promise.resolve();
    expect(got).toBe(0);
    window.giveBack(1);
    await Promise.resolve();
    expect(got).toBe(8);
  });

  it("go to who asked first, also when a later one wants less", async () => {
    const window = inFlightWindow();
    await window.take(32);
    const order: string[] = [];
    void window.take(250).then(() => order.push("page"));
    void window.take(1).then(() => order.push("single"));
    window.giveBack(1);
    await Promise.resolve();
    expect(order).toEqual([]);
    window.giveBack(31);
    await Promise.resolve();
    expect(order).toEqual(["page"]);
  });

  it("become fewer when the gateway is strained: who holds one keeps it, and nobody new comes in", async () => {
    const window = inFlightWindow();
    await window.take(32);
    window.learn({ startedAtMs: 0, endedAtMs: 10, outcome: "busy" });
    expect(window.size()).toBe(16);
    let entered = false;
    void window.take(1).then(() => {
      entered = true;
    });
    window.giveBack(16);
    await Promise.resolve();
    expect(entered).toBe(false);
    window.giveBack(1);
    await Promise.resolve();
    expect(entered).toBe(true);
  });
});
