import { v5 as uuidV5 } from "uuid";
import type { Reference, RefundId } from "../kernel/ids.ts";

/** Arbitrary and fixed for ever. */
const NAMESPACE = "2d0c9f2e-0f0b-5b0e-9a59-4c0e7a6f3d55";

/**
 * The refund's name follows from the payment and its number, so that a database that lost its last commits asks for
 * the same refund under the same reference, and the gateway can refuse the double.
 */
export function refundReference(payment: Reference, number: number): string {
  return `${payment}-R${number}`;
}

/** The row's id, from its reference. */
export function refundId(reference: string): RefundId {
  return uuidV5(reference, NAMESPACE) as RefundId;
}
