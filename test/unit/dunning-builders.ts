import { DateTime } from "luxon";
import type { Decision } from "../../src/dunning/decision.ts";
import { defaultPolicy } from "../../src/dunning/default-policy.ts";
import type { DunningFacts, Seen } from "../../src/dunning/dunning-facts.ts";
import type { OtherBill } from "../../src/dunning/overlap.ts";
import type { DunningPolicy } from "../../src/dunning/policy.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";

const ZONE = "Asia/Jakarta";

const BUILT_IN = defaultPolicy({
  zone: ZONE,
  window: { from: "08:00", to: "20:00" },
  inquiryLadderMs: [65_000, 300_000],
});
/** The built-in policy, with an end that the next bill may bring forward: the most there is to decide. */
export const POLICY: DunningPolicy = {
  ...BUILT_IN,
  end: { ...BUILT_IN.end, notAfter: "day_before_next_bill" },
};

export const NO_HOLIDAYS: ReadonlySet<string> = new Set();

/** A time on Jakarta's clocks, `2027-01-15 09:41`. */
export function wib(text: string): Instant {
  return DateTime.fromSQL(text, { zone: ZONE }).toUTC() as Instant;
}

export function shown(at: Instant | null): string {
  return at === null ? "never" : at.setZone(ZONE).toFormat("yyyy-MM-dd HH:mm");
}

/** What comes next, on one line: `try 2027-01-16 08:00 ladder [payday]`. */
export function inShort({ kind, at, waitingFor, why }: Decision): string {
  const { reason } = why;
  const moves = "moves" in reason.facts ? reason.facts.moves.map(({ because }) => because) : [];
  const moved = moves.length === 0 ? "" : ` [${moves.join(", ")}]`;
  return `${kind} ${shown(at)} ${waitingFor ?? reason.code}${moved}`;
}

/** Rp 99.000 of 15 January 2027, monthly; nothing was done yet. */
export function someFacts(more: Partial<DunningFacts> = {}): DunningFacts {
  return {
    invoiceId: "0b2f5c1e-0000-4000-8000-000000000000" as InvoiceId,
    amount: rupiah(99_000),
    billsOn: "2027-01-15",
    firstTryAt: null,
    nextBillOn: "2027-02-15",
    firstFailedAt: null,
    declineClass: null,
    seen: null,
    inDoubt: false,
    requests: { ofBill: 0, ofBillToday: 0, ofCustomerToday: 0 },
    others: [],
    ...more,
  };
}

export function balanceSeen(at: Instant, available = 42_000): Seen {
  return { kind: "balance", at, available: rupiah(available) };
}

/** As `someFacts`, short of balance since the 15th at 09:41 and looked at last at `at`. */
export function shortAt(at: string, more: Partial<DunningFacts> = {}): DunningFacts {
  return someFacts({
    firstFailedAt: wib("2027-01-15 09:41"),
    declineClass: "funds",
    seen: balanceSeen(wib(at)),
    ...more,
  });
}

const FAILED = wib("2027-01-15 09:41");
export const declined = (at: string, code = "4035414"): Seen => ({ kind: "declined", at: wib(at), code });
export const sent = (ofBill: number, ofBillToday = 0, ofCustomerToday = ofBillToday) => ({
  requests: { ofBill, ofBillToday, ofCustomerToday },
});
export const other = (more: Partial<OtherBill> = {}): OtherBill => ({
  invoiceId: "00000000-0000-4000-8000-000000000001" as InvoiceId,
  billsOn: "2027-01-14",
  tryAt: null,
  ...more,
});

export const refused = (
  declineClass: DunningFacts["declineClass"],
  at: string,
  more: Partial<DunningFacts> = {},
) => someFacts({ firstFailedAt: FAILED, declineClass, seen: declined(at), ...more });

export const unread = (failures: number, during: "try" | "probe" = "try"): Partial<DunningFacts> => ({
  seen: { kind: "unread", at: wib("2027-01-16 08:00"), code: "504", failures, during },
});
