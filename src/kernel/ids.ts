import type { Branded } from "./brand.ts";

export type PlanId = Branded<string, "PlanId">;
export type PlanVersionId = Branded<string, "PlanVersionId">;
export type CustomerId = Branded<string, "CustomerId">;
export type BindingId = Branded<string, "BindingId">;
export type SubscriptionId = Branded<string, "SubscriptionId">;
export type InvoiceId = Branded<string, "InvoiceId">;
export type RefundId = Branded<string, "RefundId">;
/** An inbox row's identity: a bigint of PostgreSQL, kept as text. */
export type DeliveryId = Branded<string, "DeliveryId">;
/** Our id of a payment attempt on the wire (`partnerReferenceNo`), at most 32 characters. */
export type Reference = Branded<string, "Reference">;
