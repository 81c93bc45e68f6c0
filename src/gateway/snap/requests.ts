import { InvalidError, InvariantError } from "../../kernel/errors.ts";
import type { BindingOrder, InquiryRequest, PaymentOrder, RefundOrder } from "../gateway.ts";
import { plainText } from "./ascii.ts";
import { wireMoney } from "./money.ts";
import { CHANNEL } from "./notices.ts";

// Bodies are text, made once: the text that is signed is the text that is sent. Values are plain ASCII and
// key order is fixed, so that whichever form of a body DOKU hashes, it hashes the same bytes.

/** The body of both token calls. */
export function tokenBody(): string {
  return JSON.stringify({ grantType: "client_credentials" });
}

/** Asks for a customer token with a binding's authorisation, or with a refresh token. */
export function exchangeBody(grant: { authCode: string } | { refreshToken: string }): string {
  const grantType = "authCode" in grant ? "authorization_code" : "refresh_token";
  return JSON.stringify({ grantType, ...grant, additionalInfo: {} });
}

/** Starts a binding; throws `InvalidError` when phone or customer reference do not fit the wire. */
export function bindingBody(order: BindingOrder): string {
  if (!/^62\d{7,14}$/.test(order.phone)) throw new InvalidError("phone must be 62 and 7 to 14 digits");
  if (!/^[\x20-\x7e]{1,64}$/.test(order.customerReference))
    throw new InvalidError("customer reference must be 1 to 64 ASCII characters");
  const customerName = plainText(order.customerName ?? "", 70);
  const email = /^[\x21-\x7e]{3,64}$/.test(order.email ?? "") ? order.email : null;
  return JSON.stringify({
    phoneNo: order.phone,
    additionalInfo: {
      channel: CHANNEL,
      custIdMerchant: order.customerReference,
      ...(customerName === null ? {} : { customerName }),
      ...(email === null ? {} : { email }),
      successRegistrationUrl: asciiUrl(order.successUrl),
      failedRegistrationUrl: asciiUrl(order.failedUrl),
    },
  });
}

/** Asks for the balance of the wallet whose token goes in the header. */
export function balanceBody(): string {
  return JSON.stringify({ additionalInfo: { channel: CHANNEL } });
}

/** Where DOKU sends a browser after a payment; mandatory even when no browser is present. */
export type ReturnUrls = { readonly paid: string; readonly failed: string };

/** A RECURRING charge on OVO Cash: no customer present, no redirect. */
export function paymentBody(order: PaymentOrder, returnUrls: ReturnUrls): string {
  return orderBody(order, returnUrls, "RECURRING");
}

/** A SALE on OVO Cash: the customer confirms it on DOKU's page. */
export function payPageBody(order: PaymentOrder, returnUrls: ReturnUrls): string {
  return orderBody(order, returnUrls, "SALE");
}

function orderBody(order: PaymentOrder, returnUrls: ReturnUrls, paymentType: "RECURRING" | "SALE"): string {
  // 32 is the length that a later refund still accepts.
  if (!/^[A-Za-z0-9-]{1,32}$/.test(order.reference))
    throw new InvariantError("reference does not fit the wire", { reference: order.reference });
  const amount = wireMoney(order.amount);
  const remarks = plainText(order.remarks, 40);
  return JSON.stringify({
    partnerReferenceNo: order.reference,
    amount,
    payOptionDetails: [
      { payMethod: "CASH", transAmount: amount, feeAmount: { value: "0.00", currency: "IDR" } },
    ],
    additionalInfo: {
      channel: CHANNEL,
      successPaymentUrl: asciiUrl(returnUrls.paid),
      failedPaymentUrl: asciiUrl(returnUrls.failed),
      paymentType,
      ...(remarks === null ? {} : { remarks }),
    },
  });
}

/** SNAP names the service of the original payment; DOKU's own libraries insist on the inquiry's number. */
export type StatusServiceCode = "54" | "55";

/** Asks for the fate of a payment. */
export function statusBody(
  request: InquiryRequest,
  clientId: string,
  serviceCode: StatusServiceCode,
): string {
  return JSON.stringify({
    originalPartnerReferenceNo: request.reference,
    ...(request.gatewayReference === null ? {} : { originalReferenceNo: request.gatewayReference }),
    ...(request.paymentExternalId === null ? {} : { originalExternalId: request.paymentExternalId }),
    serviceCode,
    amount: wireMoney(request.amount),
    merchantId: clientId,
    additionalInfo: { channel: CHANNEL },
  });
}

/** Gives back a payment or a part of it; `partnerRefundNo` is DOKU's key of a refund. */
export function refundBody(order: RefundOrder): string {
  if (!/^[A-Za-z0-9-]{1,32}$/.test(order.reference))
    throw new InvariantError("reference does not fit the wire", { reference: order.reference });
  if (!/^[A-Za-z0-9-]{1,64}$/.test(order.refundReference))
    throw new InvariantError("refund reference does not fit the wire", { reference: order.refundReference });
  const reason = plainText(order.reason, 255);
  return JSON.stringify({
    originalPartnerReferenceNo: order.reference,
    ...(order.paymentExternalId === null ? {} : { originalExternalId: order.paymentExternalId }),
    refundAmount: wireMoney(order.amount),
    ...(reason === null ? {} : { reason }),
    partnerRefundNo: order.refundReference,
    additionalInfo: { channel: CHANNEL },
  });
}

/** Ends the link whose customer token is in the body; unlike elsewhere it is in no header. */
export function unbindingBody(customerToken: string): string {
  return JSON.stringify({ tokenId: customerToken, additionalInfo: { channel: CHANNEL } });
}

function asciiUrl(url: string): string {
  return new URL(url).href;
}
