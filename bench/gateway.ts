// A lean stand-in for the gateway, as a process of its own and the same for every contender. It believes every
// signature (that is the simulator's business), keeps the ledger by which a run is judged, and notifies.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openLedger } from "./gateway/ledger.ts";
import { openNotifier } from "./gateway/notifier.ts";
import {
  BALANCE_ANSWER,
  CUSTOMER_TOKEN_ANSWER,
  OWN_TOKEN_ANSWER,
  PATHS,
  paymentAnswer,
  statusAnswer,
  TWICE_ANSWER,
  UNKNOWN_ANSWER,
} from "./gateway/wire.ts";

/** How the process is told what to be: JSON in BENCH_GATEWAY. */
export type GatewaySettings = {
  /** Between the last byte of a request and the answer; tokens are answered at once. */
  readonly latencyMs: number;
  readonly merchantUrl: string;
  readonly clientId: string;
  readonly secretKey: string;
  readonly privateKey: string;
};

const settings = JSON.parse(process.env["BENCH_GATEWAY"] ?? "") as GatewaySettings;
const ledger = openLedger();
const notifier = openNotifier({ ...settings, url: settings.merchantUrl });

type Answer = { readonly status: number; readonly text: string; readonly afterwards?: () => void };

function answer(path: string, request: IncomingMessage, body: string, at: number): Answer {
  switch (path) {
    case PATHS.payment:
      return pay(request, body, at);
    case PATHS.balance:
      return { status: 200, text: BALANCE_ANSWER };
    case PATHS.status:
      return tellStatus(body);
    case PATHS.ownToken:
      return { status: 200, text: OWN_TOKEN_ANSWER };
    case PATHS.customerToken:
      return { status: 200, text: CUSTOMER_TOKEN_ANSWER };
    default:
      return control(path);
  }
}

function pay(request: IncomingMessage, body: string, at: number): Answer {
  const order = JSON.parse(body) as { partnerReferenceNo: string; amount: { value: string } };
  const externalId = String(request.headers["x-external-id"] ?? "");
  const payment = ledger.pay(order.partnerReferenceNo, externalId, order.amount.value, at);
  if (payment === null) return { status: 409, text: TWICE_ANSWER };
  return { status: 200, text: paymentAnswer(payment), afterwards: () => notifier.tell(payment) };
}

function tellStatus(body: string): Answer {
  const asked = JSON.parse(body) as { originalPartnerReferenceNo: string };
  const payment = ledger.find(asked.originalPartnerReferenceNo);
  return payment === undefined
    ? { status: 404, text: UNKNOWN_ANSWER }
    : { status: 200, text: statusAnswer(payment) };
}

/** What the judge of a run asks. */
function control(path: string): Answer {
  switch (path) {
    case "/control/summary":
      return json({ ...ledger.summary(), ...notifier.summary() });
    case "/control/cpu": {
      const { user, system } = process.cpuUsage();
      return json({ micros: user + system });
    }
    case "/control/first-bytes":
      return json(ledger.firstBytes());
    case "/control/reset":
      ledger.reset();
      notifier.reset();
      return json({});
    default:
      return { status: 404, text: "{}" };
  }
}

function json(value: unknown): Answer {
  return { status: 200, text: JSON.stringify(value) };
}

function take(request: IncomingMessage, response: ServerResponse): void {
  const at = Date.now();
  const path = request.url ?? "";
  let body = "";
  request.setEncoding("latin1");
  request.on("data", (text: string) => {
    body += text;
  });
  request.on("end", () => {
    const { status, text, afterwards } = answer(path, request, body, at);
    const send = () => {
      response.sendDate = false;
      response.writeHead(status, { "content-type": "application/json", "content-length": text.length });
      response.end(text);
      afterwards?.();
    };
    if (settings.latencyMs > 0 && isCharge(path)) setTimeout(send, settings.latencyMs);
    else send();
  });
}

function isCharge(path: string): boolean {
  return path === PATHS.payment || path === PATHS.balance || path === PATHS.status;
}

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, take);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
