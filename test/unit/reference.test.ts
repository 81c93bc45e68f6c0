import fc from "fast-check";
import { expect, it } from "vitest";
import { attemptReference, invoiceId } from "../../src/invoices/reference.ts";
import type { InvoiceId, SubscriptionId } from "../../src/kernel/ids.ts";

const subscription = "4f1c1f1e-0000-4000-8000-000000000001" as SubscriptionId;

it("the same debt has the same name for ever, also after a lost commit", () => {
  expect(invoiceId(subscription, "period", 3, 0)).toBe(invoiceId(subscription, "period", 3, 0));
  expect(invoiceId(subscription, "period", 0, 0)).toBe("ace990cf-4640-5a05-975f-5f9def8402c6");
  expect(attemptReference("00000000-0000-5000-8000-000000000020" as InvoiceId, 2)).toBe(
    "0000000000A008000000000010-2",
  );
});

it("another period, kind or issue has another name", () => {
  const names = [
    invoiceId(subscription, "period", 0, 0),
    invoiceId(subscription, "period", 1, 0),
    invoiceId(subscription, "change", 0, 0),
    invoiceId(subscription, "period", 0, 1),
  ];
  expect(new Set(names).size).toBe(4);
});

it("a reference fits the wire and belongs to one invoice", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.uuid(), fc.integer({ min: 1, max: 9_999 }), (one, other, number) => {
      const reference = attemptReference(one as InvoiceId, number);
      expect(reference).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}-\d{1,4}$/);
      expect(reference.length).toBeLessThanOrEqual(32);
      expect(reference === attemptReference(other as InvoiceId, number)).toBe(one === other);
    }),
  );
});
