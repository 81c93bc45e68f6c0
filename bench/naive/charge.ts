// How a merchant charges one invoice: ask, save, pay, save; with axios as it comes and the ORM as it is documented.
import { createHash, createHmac, createSign } from "node:crypto";
import axios from "axios";
import type { Repository } from "typeorm";
import type { NaiveInvoice } from "./invoice.table.ts";
import type { NaiveSettings } from "./settings.ts";

const BALANCE = "/direct-debit/core/v1/balance-inquiry";
const PAYMENT = "/direct-debit/core/v1/debit/payment-host-to-host";
const TOKEN = "/authorization/v1/access-token/b2b";
const CHANNEL = "EMONEY_OVO_SNAP";

type BalanceAnswer = {
  readonly accountInfos: readonly { readonly availableBalance: { readonly value: string } }[];
};
type PaymentAnswer = { readonly responseCode: string; readonly referenceNo: string };

/** Charges one row. Throws what axios throws. */
export type Charge = (invoice: NaiveInvoice) => Promise<void>;

export async function charger(settings: NaiveSettings, invoices: Repository<NaiveInvoice>): Promise<Charge> {
  const token = await fetchToken(settings);
  return async (invoice) => {
    const asked = { additionalInfo: { channel: CHANNEL } };
    const answer = await post<BalanceAnswer>(settings, token, BALANCE, asked, invoice.customerToken);
    const balance = Number(answer.accountInfos[0]?.availableBalance.value);
    if (balance < invoice.amount) {
      await invoices.save({ id: invoice.id, status: "failed", balance });
      return;
    }
    await invoices.save({ id: invoice.id, status: "charging", balance });
    const paid = await post<PaymentAnswer>(settings, token, PAYMENT, order(invoice), invoice.customerToken);
    // Only these columns: the notification may have been faster, and must not be overwritten.
    await invoices.save({ id: invoice.id, gatewayReference: paid.referenceNo, sentAt: new Date() });
  };
}

function order(invoice: NaiveInvoice) {
  const amount = { value: `${invoice.amount}.00`, currency: "IDR" };
  return {
    partnerReferenceNo: invoice.reference,
    amount,
    payOptionDetails: [
      { payMethod: "CASH", transAmount: amount, feeAmount: { value: "0.00", currency: "IDR" } },
    ],
    additionalInfo: {
      channel: CHANNEL,
      successPaymentUrl: "https://merchant.example/paid",
      failedPaymentUrl: "https://merchant.example/failed",
      paymentType: "RECURRING",
      remarks: "Bench",
    },
  };
}

let sent = 0;

async function post<T>(
  { gatewayUrl, clientId, secretKey }: NaiveSettings,
  token: string,
  path: string,
  body: object,
  customerToken: string,
): Promise<T> {
  const timestamp = now();
  const hash = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const signature = createHmac("sha512", secretKey)
    .update(`POST:${path}:${token}:${hash}:${timestamp}`)
    .digest("base64");
  sent += 1;
  const { data } = await axios.post<T>(`${gatewayUrl}${path}`, body, {
    headers: {
      "X-TIMESTAMP": timestamp,
      "X-SIGNATURE": signature,
      "X-PARTNER-ID": clientId,
      "X-EXTERNAL-ID": `${Date.now()}${process.pid}${sent}`,
      Authorization: `Bearer ${token}`,
      "Authorization-Customer": `Bearer ${customerToken}`,
    },
  });
  return data;
}

async function fetchToken({ gatewayUrl, clientId, privateKey }: NaiveSettings): Promise<string> {
  const timestamp = now();
  const signature = createSign("sha256").update(`${clientId}|${timestamp}`).sign(privateKey, "base64");
  const { data } = await axios.post<{ accessToken: string }>(
    `${gatewayUrl}${TOKEN}`,
    { grantType: "client_credentials" },
    { headers: { "X-TIMESTAMP": timestamp, "X-CLIENT-KEY": clientId, "X-SIGNATURE": signature } },
  );
  return data.accessToken;
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
