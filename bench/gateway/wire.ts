// What the gateway's stand-in says on the wire: fixed texts where they can be fixed, to keep its own work small.
import { createHash, createHmac, createSecretKey, type KeyObject, sign } from "node:crypto";

/** The systems that a charge needs. */
export const PATHS = {
  ownToken: "/authorization/v1/access-token/b2b",
  customerToken: "/authorization/v1/access-token/b2b2c",
  balance: "/direct-debit/core/v1/balance-inquiry",
  payment: "/direct-debit/core/v1/debit/payment-host-to-host",
  status: "/orders/v1.0/debit/status",
} as const;

const FAR_AWAY = "2099-01-01T00:00:00+07:00";

/** Every wallet is full. */
export const BALANCE_ANSWER = JSON.stringify({
  responseCode: "2001100",
  responseMessage: "Successful",
  accountInfos: [
    {
      balanceType: "CASH",
      amount: { value: "1000000.00", currency: "IDR" },
      flatAmount: { value: "0.00", currency: "IDR" },
      holdAmount: { value: "0.00", currency: "IDR" },
      availableBalance: { value: "1000000.00", currency: "IDR" },
    },
  ],
});
export const OWN_TOKEN_ANSWER = JSON.stringify({
  responseCode: "2007300",
  responseMessage: "Successful",
  accessToken: "a".repeat(64),
  tokenType: "Bearer",
  expiresIn: 900,
  additionalInfo: "",
});
export const CUSTOMER_TOKEN_ANSWER = JSON.stringify({
  responseCode: "2007400",
  responseMessage: "Successful",
  accessToken: "c".repeat(64),
  tokenType: "Bearer",
  accessTokenExpiryTime: FAR_AWAY,
  refreshToken: "r".repeat(64),
  refreshTokenExpiryTime: FAR_AWAY,
  additionalInfo: {},
});
export const TWICE_ANSWER = JSON.stringify({
  responseCode: "4095401",
  responseMessage: "Duplicate partnerReferenceNo",
});
export const UNKNOWN_ANSWER = JSON.stringify({
  responseCode: "4045501",
  responseMessage: "Transaction Not Found",
});

/** A payment that the gateway took. */
export type Payment = {
  readonly reference: string;
  readonly gatewayReference: string;
  readonly externalId: string;
  /** As the merchant wrote it: `50000.00`. */
  readonly value: string;
};

export function paymentAnswer(payment: Payment): string {
  return `{"responseCode":"2005400","responseMessage":"Successful","referenceNo":"${payment.gatewayReference}"}`;
}

export function statusAnswer(payment: Payment): string {
  return JSON.stringify({
    responseCode: "2005500",
    responseMessage: "Successful",
    originalPartnerReferenceNo: payment.reference,
    originalReferenceNo: payment.gatewayReference,
    serviceCode: "55",
    latestTransactionStatus: "00",
    transactionStatusDesc: "SUCCESS",
    originalResponseCode: "2005400",
    transAmount: { value: payment.value, currency: "IDR" },
    additionalInfo: { channel: "EMONEY_OVO_SNAP", acquirer: { id: "OVO" } },
  });
}

export function noticeBody({ reference, gatewayReference, externalId, value }: Payment): string {
  return JSON.stringify({
    originalPartnerReferenceNo: reference,
    originalReferenceNo: gatewayReference,
    originalExternalId: externalId,
    latestTransactionStatus: "00",
    transactionStatusDesc: "Success",
    amount: { value, currency: "IDR" },
    additionalInfo: {
      acquirerId: "OVO",
      accountType: "WALLET",
      channelId: "EMONEY_OVO_SNAP",
      paymentType: "RECURRING",
      origin: { apiFormat: "SNAP" },
    },
  });
}

let stamped = { second: 0, text: "" };

/** `2025-01-15T12:06:07+07:00`, made once a second. */
export function wireTimestamp(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== stamped.second) {
    const text = `${new Date((second + 7 * 3_600) * 1_000).toISOString().slice(0, 19)}+07:00`;
    stamped = { second, text };
  }
  return stamped.text;
}

/** The signature of the gateway's token call on the merchant. */
export function tokenSignature(privateKey: KeyObject, clientId: string, timestamp: string): string {
  return sign("sha256", Buffer.from(`${clientId}|${timestamp}`), privateKey).toString("base64");
}

/** The key object that `callSignature` wants; making it for every call would cost more than the call. */
export function secretOf(text: string): KeyObject {
  return createSecretKey(text, "utf8");
}

/** SNAP's symmetric signature of a POST. */
export function callSignature(
  secret: KeyObject,
  call: { readonly path: string; readonly token: string; readonly timestamp: string },
  body: string | Buffer,
): string {
  const hash = createHash("sha256").update(body).digest("hex");
  return createHmac("sha512", secret)
    .update(`POST:${call.path}:${call.token}:${hash}:${call.timestamp}`)
    .digest("base64");
}
