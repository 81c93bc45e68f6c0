import { describe, expect, it } from "vitest";
import { admit, afterCalls, type Breaker } from "../../src/invoices/breaker.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { NOW } from "./invoice-builders.ts";

const CLOSED: Breaker = { state: "closed" };
const open: Breaker = { state: "open", halfOpenAt: NOW.plus({ seconds: 60 }) as Instant };
const report = (calls: number, bad: number) => ({ calls, bad });

describe("the breaker on the line to the gateway", () => {
  it.each([
    [19, 19, "closed"],
    [20, 4, "closed"],
    [20, 5, "open"],
    [1_000, 200, "closed"],
    [1_000, 201, "open"],
  ] as const)("of %i calls with %i bad ones is %s", (calls, bad, state) => {
    expect(afterCalls(CLOSED, report(1, 1), report(calls, bad), 20, NOW).state).toBe(state);
  });

  it("never opens at 100 percent", () => {
    expect(afterCalls(CLOSED, report(50, 50), report(50, 50), 100, NOW).state).toBe("closed");
  });

  it("lets everything through while it is closed and nothing while it is open", () => {
    expect(admit(CLOSED, 250, NOW).admitted).toBe(250);
    expect(admit(open, 250, NOW)).toMatchObject({ admitted: 0, othersWaitUntil: NOW.plus({ seconds: 60 }) });
  });

  it("lets five trials through after a minute, however many workers ask", () => {
    const later = NOW.plus({ seconds: 60 }) as Instant;
    const first = admit(open, 3, later);
    expect(first).toMatchObject({ admitted: 3, after: { state: "half_open", trials: 3 } });
    const second = admit(first.after, 250, later);
    expect(second).toMatchObject({ admitted: 2, after: { trials: 5 } });
    expect(admit(second.after, 250, later).admitted).toBe(0);
  });

  it("closes with the first trial that gets an answer, and rests again when all five got none", () => {
    const trying: Breaker = { state: "half_open", halfOpenAt: NOW, trials: 5 };
    expect(afterCalls(trying, report(3, 2), report(30, 29), 20, NOW).state).toBe("closed");
    const again = afterCalls(trying, report(5, 5), report(30, 30), 20, NOW);
    expect(again).toEqual({ state: "open", halfOpenAt: NOW.plus({ seconds: 60 }) });
  });

  it("does not open a second time while it is open", () => {
    expect(afterCalls(open, report(10, 10), report(40, 40), 20, NOW)).toBe(open);
  });
});
