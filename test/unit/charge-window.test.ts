import { describe, expect, it } from "vitest";
import { nextOpening, openingOn } from "../../src/invoices/charge-window.ts";
import { at } from "./invoice-builders.ts";

const ZONE = "Asia/Jakarta";
const WINDOW = { from: "08:00", to: "20:00" };

describe("a payment may leave", () => {
  it.each([
    ["2027-01-15T00:00", "2027-01-15T08:00"],
    ["2027-01-15T07:59:59.999", "2027-01-15T08:00"],
    ["2027-01-15T08:00", "2027-01-15T08:00"],
    ["2027-01-15T12:34:56", "2027-01-15T12:34:56"],
    ["2027-01-15T19:59:59.999", "2027-01-15T19:59:59.999"],
    ["2027-01-15T20:00", "2027-01-16T08:00"],
    ["2027-01-31T23:59", "2027-02-01T08:00"],
    ["2027-12-31T20:00", "2028-01-01T08:00"],
  ])("at %s: from %s on", (now, opens) => {
    expect(nextOpening(WINDOW, ZONE, at(now))).toEqual(at(opens));
  });

  it("at any time when there is no window", () => {
    const night = at("2027-01-15T03:00");
    expect(nextOpening(null, ZONE, night)).toBe(night);
  });

  it("by the clock of its zone: Jayapura opens two hours before Jakarta", () => {
    const dawn = at("2027-01-15T06:00");
    expect(nextOpening(WINDOW, "Asia/Jayapura", dawn)).toEqual(dawn);
    expect(nextOpening(WINDOW, ZONE, dawn)).toEqual(at("2027-01-15T08:00"));
  });
});

describe("a planned charge", () => {
  it("is tried when the window of its day opens", () => {
    expect(openingOn("2027-01-15", WINDOW, ZONE)).toEqual(at("2027-01-15T08:00"));
  });

  it("without a window waits until people are awake", () => {
    expect(openingOn("2027-01-15", null, ZONE)).toEqual(at("2027-01-15T09:00"));
  });
});
