import { createHash } from "node:crypto";
import {
  type FallbackToken,
  type InboundCall,
  type InboundKeys,
  issueToken,
  type Refused,
  type VerifiedNotification,
  verifyNotification,
  verifyTokenCall,
} from "../gateway/snap/inbound.ts";
import { type InboundService, inboundAnswer } from "../gateway/snap/inbound-answers.ts";
import { type BadNotice, readBindingNotice, readPaymentNotice } from "../gateway/snap/notices.ts";
import type { Reference } from "../kernel/ids.ts";
import { failpoint } from "../platform/failpoint.ts";
import type { RawAnswer, RawRoute } from "../platform/http-server.ts";
import { realNow } from "../platform/real-time.ts";
import { fallbackForm } from "./delivery.ts";
import { type Arrival, type Receipt, type ReceiveTools, receiver } from "./receive.flow.ts";

export type ReceiveRouteTools = ReceiveTools & {
  readonly keys: InboundKeys;
  /** PUBLIC_URL: signatures cover the path as the gateway knows it, in front of any proxy. */
  readonly publicUrl: string;
  /** Tokens that a signature may be made with besides ours, while a merchant is being set up; absent otherwise. */
  readonly fallbacks?: () => Promise<readonly FallbackToken[]>;
  /** Counts a refused call for the metrics. */
  readonly countRefusal: (service: InboundService, status: number) => void;
};

/** The gateway's calls on us, and the pages to which it sends the customer's browser back. */
export function receiveRoutes(tools: ReceiveRouteTools): RawRoute[] {
  const receive = receiver(tools);
  const token = (call: InboundCall) => answerTokenCall(tools.keys, call);
  const notice = (service: "56" | "07") => (call: InboundCall) => answerNotice(service, tools, receive, call);
  return [
    door(tools, "73", "/v1.0/access-token/b2b", token),
    door(tools, "73", "/authorization/v1/access-token/b2b", token),
    door(tools, "56", "/v1.0/debit/notify", notice("56")),
    door(tools, "07", "/v1.0/registration-account-binding/notify", notice("07")),
    returnPage("/return/paid", "Pembayaran Anda sedang kami periksa.", "We are checking your payment."),
    returnPage("/return/failed", "Pembayaran belum selesai.", "The payment was not completed."),
  ];
}

type Answer = (call: InboundCall) => Promise<RawAnswer | Refused>;

/** A refused call leaves nothing but a log line and a count; a failure of ours asks for a resend. */
function door(tools: ReceiveRouteTools, service: InboundService, path: string, answer: Answer): RawRoute {
  const publicPath = new URL(tools.publicUrl).pathname.replace(/\/$/, "") + path;
  return {
    method: "POST",
    path,
    run: async ({ headers, rawBody, query, ip }) => {
      const call = { headers, rawBody, path: query === "" ? publicPath : `${publicPath}?${query}` };
      try {
        const answered = await answer(call);
        if (!("why" in answered)) return answered;
        const { status } = answered.answer;
        tools.log.warn({ event: "notification.refused", path, status, why: answered.why, ip });
        tools.countRefusal(service, status);
        return answered.answer;
      } catch (error) {
        tools.log.error({ event: "notification.failed", path, err: error });
        return inboundAnswer(service, "failed");
      }
    },
  };
}

async function answerTokenCall(keys: InboundKeys, call: InboundCall): Promise<RawAnswer | Refused> {
  const verified = verifyTokenCall(keys, call);
  return verified.kind === "refused" ? verified : issueToken(keys, verified.clientId, realNow());
}

async function answerNotice(
  service: "56" | "07",
  { keys, fallbacks }: Pick<ReceiveRouteTools, "keys" | "fallbacks">,
  receive: (arrival: Arrival) => Promise<Receipt>,
  call: InboundCall,
): Promise<RawAnswer | Refused> {
  const verified = await verifyNotification(keys, service, call, realNow(), fallbacks);
  if (verified.kind === "refused") return verified;
  const notice = service === "56" ? readPaymentNotice(call.rawBody) : readBindingNotice(call.rawBody);
  const receipt = await receive(arrival(service, verified, call.rawBody, notice));
  failpoint("inbox.before-answer");
  if (receipt !== "unreadable") return inboundAnswer(service, receipt);
  return notice.kind === "bad"
    ? inboundAnswer(service, notice.outcome, notice.field)
    : inboundAnswer(service, "bad_request");
}

/** The statuses with which the gateway says that a payment was canceled or failed. */
const FAILED_STATUSES: readonly string[] = ["05", "06"];

function arrival(
  service: "56" | "07",
  { externalId, form, fallback }: VerifiedNotification,
  rawBody: Buffer,
  notice: ReturnType<typeof readPaymentNotice | typeof readBindingNotice>,
): Arrival {
  const isPayment = notice.kind === "payment";
  return {
    kind: service === "56" ? "payment" : "binding",
    externalId,
    body: rawBody.toString("utf8"),
    bodyHash: createHash("sha256").update(rawBody).digest("hex"),
    reference: isPayment ? (notice.reference as Reference) : null,
    signatureForm: fallback === undefined ? form : fallbackForm(fallback, form),
    status: notice.kind === "bad" ? null : notice.status,
    amount: isPayment ? notice.amount : null,
    isFailure: isPayment && FAILED_STATUSES.includes(notice.status),
    unreadable: notice.kind === "bad" ? inWords(notice) : null,
  };
}

function inWords({ outcome, field }: BadNotice): string {
  return outcome === "missing" ? `${field} is missing` : `${field} has a wrong form`;
}

/** Where the browser comes back to proves nothing, so the page promises nothing; Indonesian first, then English. */
function returnPage(path: string, indonesian: string, english: string): RawRoute {
  const body = `<!doctype html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${indonesian}</title><style>body{font:18px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:30em;padding:0 1em}</style>
</head><body><h1>${indonesian}</h1><p>Anda boleh menutup halaman ini.</p>
<p lang="en">${english} You may close this page.</p></body></html>
`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
  };
  return { method: "GET", path, run: async () => ({ status: 200, headers, body }) };
}
