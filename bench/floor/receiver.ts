// A bare receiver: verifies the HMAC, writes what came in sets, and answers after the commit.
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type pg from "pg";
import { NOTIFY_PATH } from "../gateway/notifier.ts";
import { callSignature, secretOf } from "../gateway/wire.ts";
import { type Notified, writeNotified } from "./rows.ts";
import type { FloorSettings } from "./settings.ts";

const SET = 250;
const TAKEN = JSON.stringify({ responseCode: "2005600", responseMessage: "Successful" });
const REFUSED = JSON.stringify({ responseCode: "4015600", responseMessage: "Unauthorized" });
const FAILED = JSON.stringify({ responseCode: "5005600", responseMessage: "General Error" });

type Notice = {
  readonly originalPartnerReferenceNo: string;
  readonly originalReferenceNo: string;
  readonly amount: { readonly value: string };
};

type Waiting = { readonly notified: Notified; readonly response: ServerResponse };

export async function listenForNotices({ port, secretKey }: FloorSettings, pool: pg.Pool): Promise<void> {
  const secret = secretOf(secretKey);
  const token = randomBytes(32).toString("hex");
  const tokenAnswer = JSON.stringify({ responseCode: "2007300", accessToken: token, expiresIn: 900 });
  const waiting: Waiting[] = [];
  let writing = false;

  const drain = async (): Promise<void> => {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const set = waiting.splice(0, SET);
      const outcome = await writeNotified(
        pool,
        set.map((each) => each.notified),
      ).then(
        () => ({ status: 200, text: TAKEN }),
        (error: unknown) => {
          console.error(error);
          return { status: 500, text: FAILED };
        },
      );
      for (const { response } of set) answer(response, outcome.status, outcome.text);
    }
    writing = false;
  };

  const take = (request: IncomingMessage, body: Buffer, response: ServerResponse): void => {
    if (request.url !== NOTIFY_PATH) {
      answer(response, 200, tokenAnswer);
      return;
    }
    const timestamp = String(request.headers["x-timestamp"]);
    const wanted = callSignature(secret, { path: NOTIFY_PATH, token, timestamp }, body);
    if (request.headers["x-signature"] !== wanted) {
      answer(response, 401, REFUSED);
      return;
    }
    waiting.push({ notified: read(request, body), response });
    queueMicrotask(() => void drain());
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => take(request, Buffer.concat(chunks), response));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

function read(request: IncomingMessage, body: Buffer): Notified {
  const text = body.toString("utf8");
  const notice = JSON.parse(text) as Notice;
  return {
    reference: notice.originalPartnerReferenceNo,
    gatewayReference: notice.originalReferenceNo,
    externalId: String(request.headers["x-external-id"]),
    amount: Number(notice.amount.value),
    body: text,
    bodyHash: createHash("sha256").update(body).digest("hex"),
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.sendDate = false;
  response.writeHead(status, { "content-type": "application/json", "content-length": text.length });
  response.end(text);
}
