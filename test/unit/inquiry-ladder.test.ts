import { describe, expect, it } from "vitest";
import {
  FIRST_INQUIRY_AFTER_MS,
  firstInquiryAt,
  lookAgainAt,
  NOT_FOUND_SPREAD_MS,
  NOT_FOUND_TIMES,
  reviewReason,
} from "../../src/invoices/inquiry-ladder.ts";
import { at, attempt, NOW, policy } from "./invoice-builders.ts";

const HOUR_MS = 3_600_000;

describe("the first inquiry", () => {
  it.each([0, 1, 64_999])("%i ms after the send waits until the gateway can know", (ms) => {
    expect(firstInquiryAt(attempt(), NOW.plus(ms))).toEqual(NOW.plus(65_000));
  });

  it.each([65_000, HOUR_MS])("%i ms after the send is made at once", (ms) => {
    expect(firstInquiryAt(attempt(), NOW.plus(ms))).toEqual(NOW.plus(ms));
  });
});

describe("an inquiry that settled nothing", () => {
  const { inquiryLadderMs } = policy;

  it.each(inquiryLadderMs.slice(1).map((gap, index) => [index + 1, gap] as const))(
    "after number %i is repeated after %i ms",
    (inquiries, gap) => {
      expect(lookAgainAt(policy, attempt({ inquiries }), NOW)).toEqual(NOW.plus(gap));
    },
  );

  it("is repeated daily when the ladder is climbed", () => {
    for (const inquiries of [inquiryLadderMs.length, inquiryLadderMs.length + 5])
      expect(lookAgainAt(policy, attempt({ inquiries }), NOW)).toEqual(NOW.plus({ days: 1 }));
  });

  it("is repeated no later than the patience with a notified failure ends, and then by the ladder", () => {
    const noticed = (hours: number) =>
      attempt({ inquiries: inquiryLadderMs.length, refusalNoticedAt: NOW.minus({ hours }) });
    expect(lookAgainAt(policy, noticed(20), NOW)).toEqual(NOW.plus({ hours: 4 }));
    expect(lookAgainAt(policy, noticed(0), NOW)).toEqual(NOW.plus({ days: 1 }));
    expect(lookAgainAt(policy, noticed(30), NOW)).toEqual(NOW.plus({ days: 1 }));
  });

  it("proves that nothing arrived only after an hour: the first three steps alone do not", () => {
    const firstThree = inquiryLadderMs.slice(1, NOT_FOUND_TIMES).reduce((sum, gap) => sum + gap, 0);
    expect(firstThree).toBeLessThan(NOT_FOUND_SPREAD_MS);
    expect([NOT_FOUND_TIMES, NOT_FOUND_SPREAD_MS, FIRST_INQUIRY_AFTER_MS]).toEqual([3, HOUR_MS, 65_000]);
  });
});

describe("a person is called", () => {
  const spent = policy.inquiryLadderMs.length;

  it.each([
    // 15 January 2027 is a Friday: Saturday and Sunday do not count.
    ["2027-01-15T10:00", "2027-01-20T09:59", "2027-01-20T10:00"],
    ["2027-01-11T10:00", "2027-01-14T09:59", "2027-01-14T10:00"],
    ["2027-01-16T10:00", "2027-01-20T09:59", "2027-01-20T10:00"],
  ])("about a payment sent at %s not at %s but at %s: three working days", (sent, early, late) => {
    const unclear = attempt({ inquiries: spent, lastSentAt: at(sent) });
    expect(reviewReason(policy, unclear, at(early))).toBeNull();
    expect(reviewReason(policy, unclear, at(late))).toBe("still unclear 3 working days after it was sent");
  });

  it("only when the ladder is climbed: a clock that jumped does not replace asking", () => {
    const unasked = attempt({ inquiries: spent - 1 });
    expect(reviewReason(policy, unasked, NOW.plus({ days: 30 }))).toBeNull();
  });

  it("24 hours after a failure was notified and no inquiry answered", () => {
    const noticed = attempt({ refusalNoticedAt: NOW });
    expect(reviewReason(policy, noticed, NOW.plus(24 * HOUR_MS - 1))).toBeNull();
    expect(reviewReason(policy, noticed, NOW.plus(24 * HOUR_MS))).toMatch(
      /no inquiry has answered for 24 hours/,
    );
  });
});
