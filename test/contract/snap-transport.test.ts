import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { freshDatabase, type TestDatabase } from "../support/db.ts";
import {
  bindingOrder,
  gatewayAt,
  inquiry,
  payment,
  payPage,
  refund,
  refundInquiry,
  type Stage,
} from "./client-stages.ts";

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

/** Only silence waits for it; the half of it must be enough to connect on a busy machine. */
const SILENCE_MS = 1_500;

type Call = {
  readonly name: string;
  readonly service: string;
  readonly act: (stage: Stage) => Promise<unknown>;
  /** Money calls are in doubt where reads are only away; an inquiry never says that the payment was not sent. */
  readonly kindOf: "money" | "inquiry" | "read";
};
const CALLS: readonly Call[] = [
  { name: "a payment", service: "54", kindOf: "money", act: (stage) => stage.gateway.pay(payment(stage)) },
  {
    name: "a page to pay on",
    service: "54",
    kindOf: "money",
    act: (stage) => stage.gateway.startPayPage(payPage(stage)),
  },
  { name: "a refund", service: "58", kindOf: "money", act: (stage) => stage.gateway.refund(refund(stage)) },
  { name: "an inquiry", service: "55", kindOf: "inquiry", act: ({ gateway }) => gateway.inquire(inquiry()) },
  {
    name: "an inquiry after a refund",
    service: "55",
    kindOf: "inquiry",
    act: ({ gateway }) => gateway.inquireRefund(refundInquiry()),
  },
  { name: "a balance", service: "11", kindOf: "read", act: ({ gateway }) => gateway.balance("CT") },
  {
    name: "a binding",
    service: "07",
    kindOf: "read",
    act: ({ gateway }) => gateway.startBinding(bindingOrder(gateway)),
  },
  {
    name: "an exchange",
    service: "74",
    kindOf: "read",
    act: ({ gateway }) => gateway.exchange({ authCode: "A" }),
  },
  { name: "an unbinding", service: "09", kindOf: "read", act: ({ gateway }) => gateway.unbind("CT") },
];

/** A gateway that holds a token of `port`, where from now on nobody listens. */
async function gatewayWithToken(timeoutMs = 10_000) {
  const server = createHttpServer((_request, response) => {
    const answer = { responseCode: "2007300", accessToken: "T1", expiresIn: 900 };
    response.writeHead(200, { connection: "close" }).end(JSON.stringify(answer));
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const gateway = gatewayAt(`http://127.0.0.1:${port}`, db, undefined, timeoutMs);
  expect(await gateway.renewOwnToken()).toEqual({ kind: "ok" });
  const closed = once(server, "close");
  server.close();
  await closed;
  return { port, stage: { gateway, authCode: "A", customerToken: "CT", heard: [] } };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

/** Listens on `port` and answers every whole request with these bytes and then `ends`; null: without a word. */
async function answerWith(
  port: number,
  bytes: string | null,
  ends: "never" | "reset" | "close",
): Promise<void> {
  const server = createServer((socket) => {
    let heard = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      const [head = "", body] = heard.split("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? "0");
      if (body === undefined || body.length < length) return;
      const end = () =>
        ends === "reset" ? socket.resetAndDestroy() : ends === "close" ? socket.end() : undefined;
      if (bytes === null) end();
      else socket.write(bytes, end);
    });
    onTestFinished(() => void socket.destroy());
  });
  await listen(server, port);
  onTestFinished(() => void server.close());
}

function http(status: number, body: string, length = Buffer.byteLength(body)): string {
  return `HTTP/1.1 ${status} Said\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`;
}

const kindOf = (answer: unknown): unknown => {
  const { verdict, kind, sent } = answer as { verdict?: { kind: string }; kind?: string; sent?: boolean };
  return verdict?.kind ?? (kind === "away" ? `${kind}, sent ${sent}` : kind);
};
/** What is known when the request may have arrived, and when it never left. */
const DOUBT = { money: "unknown", inquiry: "unknown", read: "away, sent true" };
const NEVER_LEFT = { money: "not_sent", inquiry: "unknown", read: "away, sent false" };

describe.each(CALLS)("$name", ({ act, kindOf: sort, service }) => {
  const ok = JSON.stringify({ responseCode: `200${service}00`, responseMessage: "Successful" });
  test("to a port where nobody listens never left", async () => {
    const { stage } = await gatewayWithToken();
    expect(kindOf(await act(stage))).toBe(NEVER_LEFT[sort]);
  });

  test("to somebody who hangs up at once is either never sent or in doubt", async () => {
    const { port, stage } = await gatewayWithToken();
    const server = createServer((socket) => socket.resetAndDestroy());
    await listen(server, port);
    onTestFinished(() => void server.close());
    expect([NEVER_LEFT[sort], DOUBT[sort]]).toContain(kindOf(await act(stage)));
  });

  test.each([
    ["a reset after the request", null, "reset"],
    ["a close after the request", null, "close"],
    ["half a head and a reset", "HTTP/1.1 200 Said\r\ncontent-le", "reset"],
    ["half a body and a close", http(200, ok.slice(0, 20), ok.length), "close"],
    ["a body cut to fit its length", http(200, ok.slice(0, -1)), "close"],
    ["HTML 502 of a proxy", http(502, "<html>Bad Gateway</html>"), "close"],
    ["HTML 200 of a login page", http(200, "<html>Welcome</html>"), "close"],
    [
      "a redirect",
      "HTTP/1.1 302 Said\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
      "close",
    ],
    ["words that are no HTTP", "SSH-2.0-OpenSSH_9.6\r\n", "close"],
    ["a success of another service", http(200, '{"responseCode":"2009900"}'), "close"],
    ["a success under HTTP 500", http(500, ok), "close"],
  ] as const)("answered by %s is in doubt", async (_name, bytes, ends) => {
    const { port, stage } = await gatewayWithToken();
    await answerWith(port, bytes, ends);
    expect(kindOf(await act(stage))).toBe(DOUBT[sort]);
  });
});

test.each([
  ["silence", null],
  ["half a body and silence", http(200, '{"responseCode":"20', 100)],
])("%s until the time is over leaves every call in doubt", async (_name, bytes) => {
  const answers = CALLS.map(async ({ act, kindOf: sort }) => {
    const { port, stage } = await gatewayWithToken(SILENCE_MS);
    await answerWith(port, bytes, "never");
    return [kindOf(await act(stage)), DOUBT[sort]];
  });
  for (const [kind, doubt] of await Promise.all(answers)) expect(kind).toBe(doubt);
});
