import { DateTime } from "luxon";
import { describe, expect, test } from "vitest";
import { mayRetryNow } from "../../src/dunning/budget.ts";
import { accessAt, graceEndsAt, leastAccess } from "../../src/dunning/grace.ts";
import { firstFailureAfterHold } from "../../src/dunning/hold-clock.ts";
import { nextTry } from "../../src/dunning/next-try.ts";
import { turnsToday } from "../../src/dunning/overlap.ts";
import type { DunningPolicy } from "../../src/dunning/policy.ts";
import { say, sayRejected } from "../../src/dunning/say.ts";
import { firstTryAt } from "../../src/dunning/spread.ts";
import { dateAt, momentOn, momentText } from "../../src/dunning/wall-clock.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { balanceSeen, NO_HOLIDAYS, POLICY, shortAt, shown, someFacts, wib } from "./dunning-builders.ts";

describe("clocks on walls", () => {
  test.each(["Asia/Jakarta", "Asia/Jayapura", "Australia/Sydney", "America/New_York", "Asia/Kathmandu"])(
    "agree with luxon in %s, over changes of the clock too",
    (zone) => {
      for (let hour = 0; hour < 24 * 400; hour += 7) {
        const at = DateTime.fromISO("2027-01-01T00:00Z", { zone: "utc" }).plus({ hours: hour }) as Instant;
        const local = at.setZone(zone);
        expect(dateAt(at, zone)).toBe(local.toISODate());
        expect(momentText(at)).toBe(at.toISO());
        const noon = momentOn(local.toFormat("yyyy-MM-dd"), "12:00", zone);
        expect(noon.toMillis()).toBe(local.startOf("day").set({ hour: 12 }).toMillis());
      }
    },
  );

  test("a day that has no such time has one soon after", () => {
    const gap = momentOn("2027-03-14", "02:30", "America/New_York");
    expect(dateAt(gap, "America/New_York")).toBe("2027-03-14");
    expect(momentOn("2027-03-14", "24:00", "Asia/Jakarta")).toEqual(
      momentOn("2027-03-15", "00:00", "Asia/Jakarta"),
    );
  });
});

test("first tries fill the spread hours evenly, and each invoice keeps its slot", () => {
  const perSlot = new Map<number, number>();
  for (let number = 0; number < 12_000; number += 1) {
    const id = `0b2f5c1e-0000-4000-8000-${String(number).padStart(12, "0")}` as InvoiceId;
    const at = firstTryAt(POLICY, id, "2027-01-15");
    expect(firstTryAt(POLICY, id, "2027-01-15")).toEqual(at);
    const minutes = at.diff(wib("2027-01-15 09:00")).as("minutes");
    perSlot.set(minutes / 10, (perSlot.get(minutes / 10) ?? 0) + 1);
  }
  expect([...perSlot.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, slot) => slot));
  for (const count of perSlot.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

describe("grace", () => {
  const failed = wib("2027-01-15 09:41");

  test("access is full for three days, then limited, and stops once on the fourteenth", () => {
    const at = (text: string) => accessAt(POLICY, failed, wib(text));
    expect([at("2027-01-15 09:41"), at("2027-01-18 23:59")]).toEqual(["full", "full"]);
    expect([at("2027-01-19 00:00"), at("2027-01-28 23:59")]).toEqual(["limited", "limited"]);
    expect([at("2027-01-29 00:00"), at("2027-03-01 00:00")]).toEqual(["none", "none"]);
    expect(shown(graceEndsAt(POLICY, failed))).toBe("2027-01-29 00:00");
    expect(accessAt(POLICY, null, wib("2027-03-01 00:00"))).toBe("full");
  });

  test("the worst of several debts counts", () => {
    expect(leastAccess(["full", "none", "limited"])).toBe("none");
    expect(leastAccess(["full", "limited"])).toBe("limited");
    expect(leastAccess([])).toBe("full");
  });
});

describe("a hold of three days", () => {
  const failed = wib("2027-01-15 09:41");
  const hold = { heldAt: wib("2027-01-17 15:00"), releasedAt: wib("2027-01-20 10:00") };

  test("moves the first failure, and with it all days, where the clock stops", () => {
    const moved = firstFailureAfterHold(POLICY, failed, hold);
    expect(shown(moved)).toBe("2027-01-18 09:41");
    expect(firstFailureAfterHold({ ...POLICY, holdClock: "runs" }, failed, hold)).toEqual(failed);
  });

  test("counts only from the failure on, and not at all when it was over before", () => {
    const before = { heldAt: wib("2027-01-10 15:00"), releasedAt: wib("2027-01-17 10:00") };
    expect(shown(firstFailureAfterHold(POLICY, failed, before))).toBe("2027-01-17 09:41");
    const over = { heldAt: wib("2027-01-10 15:00"), releasedAt: wib("2027-01-14 10:00") };
    expect(firstFailureAfterHold(POLICY, failed, over)).toEqual(failed);
  });
});

describe("several bills of one wallet", () => {
  const bill = (name: string, billsOn: string, amount: number, ofBill = 0, ofBillToday = 0) => ({
    invoiceId: name as InvoiceId,
    billsOn,
    amount: rupiah(amount),
    requests: { ofBill, ofBillToday },
  });
  const bills = [
    bill("c", "2027-03-01", 50_000),
    bill("a", "2027-01-01", 99_000),
    bill("b", "2027-02-01", 99_000),
  ];
  const inShort = (policy: DunningPolicy, available: number, requestsToday = 0, of = bills) =>
    turnsToday(policy, of, { available: rupiah(available), requestsToday }).map((turn) =>
      turn.kind === "ask"
        ? `${turn.invoiceId} ask${turn.readAgain ? " again" : ""}`
        : `${turn.invoiceId} ${turn.why}`,
    );

  test("are asked for oldest first, whole, and at most two a day, the second after another look", () => {
    expect(inShort(POLICY, 1_000_000)).toEqual(["a ask", "b ask again", "c customer_budget_spent"]);
    expect(inShort(POLICY, 150_000)).toEqual(["a ask", "b balance_short", "c ask again"]);
    expect(inShort(POLICY, 60_000)).toEqual(["a balance_short", "b balance_short", "c ask"]);
    expect(inShort(POLICY, 1_000_000, 1)).toEqual([
      "a ask again",
      "b customer_budget_spent",
      "c customer_budget_spent",
    ]);
  });

  test("where only the oldest is paid, the others wait for it", () => {
    const policy = { ...POLICY, overlap: { ...POLICY.overlap, pay: "oldest_only" } } as const;
    expect(inShort(policy, 60_000)).toEqual(["a balance_short", "b balance_short", "c older_bill_first"]);
  });

  test("one that was asked, or too often, leaves its turn to the next", () => {
    const of = [
      bill("a", "2027-01-01", 99_000, 8),
      bill("b", "2027-02-01", 99_000, 1, 1),
      bill("c", "2027-03-01", 1),
    ];
    expect(inShort(POLICY, 1_000_000, 1, of)).toEqual([
      "a bill_budget_spent",
      "b asked_today",
      "c ask again",
    ]);
  });
});

test("a person may retry five times a cycle", () => {
  expect([mayRetryNow(POLICY, 4), mayRetryNow(POLICY, 5)]).toEqual([true, false]);
});

describe("a decision in words", () => {
  const said = (facts: Parameters<typeof nextTry>[1], now: string) => {
    const { why } = nextTry(POLICY, facts, NO_HOLIDAYS, wib(now));
    const stored = JSON.parse(JSON.stringify(why));
    return { en: say(stored, "en"), id: say(stored, "id"), rejected: sayRejected(stored, "en") };
  };

  test("says what was seen, the next look, and the next try with its reason", () => {
    expect(said(shortAt("2027-01-23 09:30"), "2027-01-23 09:30")).toEqual({
      en: "not asked: balance Rp 42.000 of Rp 99.000; next look today 18:30, next try 25 Jan 08:00 (payday)",
      id: "tidak ditagih: saldo Rp 42.000 dari Rp 99.000; cek saldo berikutnya hari ini 18.30, penagihan berikutnya 25 Jan 08.00 (hari gajian)",
      rejected: ["no try 1 Feb: an earlier try was chosen", "no try 4 Feb: an earlier try was chosen"],
    });
  });

  test("says why a day was moved", () => {
    expect(said(shortAt("2027-01-31 18:30"), "2027-01-31 18:30")).toMatchObject({
      en: "not asked: balance Rp 42.000 of Rp 99.000; next try tomorrow 08:00 (payday, after the holiday)",
      id: "tidak ditagih: saldo Rp 42.000 dari Rp 99.000; penagihan berikutnya besok 08.00 (hari gajian, setelah hari libur)",
    });
  });

  test("says that money is there, and when it is asked for", () => {
    const seen = balanceSeen(wib("2027-01-26 18:30"), 120_000);
    expect(said(shortAt("", { seen }), "2027-01-26 18:30")).toMatchObject({
      en: "balance Rp 120.000; next try now (the money is there)",
      id: "saldo Rp 120.000; penagihan berikutnya sekarang (saldonya cukup)",
    });
  });

  test("says the end, and what comes of it", () => {
    expect(said(shortAt("2027-02-04 18:30"), "2027-02-04 18:30")).toMatchObject({
      en: "not asked: balance Rp 42.000 of Rp 99.000; no more tries (the days for collecting are over); tomorrow 08:00: the subscription becomes unpaid",
      id: "tidak ditagih: saldo Rp 42.000 dari Rp 99.000; tidak ada penagihan lagi (masa penagihan berakhir); besok 08.00: langganan menjadi belum dibayar",
    });
  });

  test("says what is waited for, and how often it was asked", () => {
    const seen = { kind: "declined", at: wib("2027-01-25 08:00"), code: "4035414" } as const;
    const spent = { requests: { ofBill: 8, ofBillToday: 1, ofCustomerToday: 1 }, seen };
    expect(said(shortAt("", spent), "2027-01-25 08:00").en).toBe(
      "declined: not enough money (4035414); no more tries (8 requests were sent, as many as the policy allows); 5 Feb 08:00: the subscription becomes unpaid",
    );
    expect(said(shortAt("", { declineClass: "binding", seen }), "2027-01-25 08:00").id).toBe(
      "ditolak: dompet tidak lagi terhubung (4035414); menunggu pelanggan menghubungkan dompetnya",
    );
    expect(said(someFacts({ inDoubt: true }), "2027-01-15 12:00").en).toBe(
      "whether money was taken is not known yet: the gateway is asked, and nothing is sent until then",
    );
    expect(said(someFacts(), "2027-01-14 12:00").en).toBe("first try tomorrow 09:50");
  });
});
