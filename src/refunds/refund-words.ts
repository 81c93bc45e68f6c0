import type { RefundDecline } from "../gateway/gateway.ts";
import { unreachable } from "../kernel/unreachable.ts";

/** What a person can do about a refusal. */
export function remedyFor(reason: RefundDecline): string {
  switch (reason) {
    case "payment_unknown":
      return "The gateway does not know the payment: ask DOKU with its references.";
    case "not_allowed":
      return "The gateway allows no such refund (any more): pay out by hand.";
    case "amount":
      return "More than the gateway has left of the payment: look at its refunds in DOKU's back office.";
    case "limit":
      return "A limit was reached: ask for the refund again another day.";
    case "window":
      return "Not at this hour: ask for the refund again later.";
    case "account":
      return "The wallet cannot take money: pay out by hand.";
    case "customer_token":
      return "The customer's token was refused, also without one: pay out by hand.";
    case "config":
      return "Our side or our contract: ask DOKU to allow refunds, then ask for it again.";
    case "unclassified":
      return "The reason is not in DOKU's table: ask DOKU, or pay out by hand.";
    default:
      return unreachable(reason);
  }
}
