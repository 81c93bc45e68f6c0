// The merchant's web server: takes the gateway's notifications, verifies them, and saves the row.
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { connect, naiveInvoice } from "./invoice.table.ts";
import { readSettings, sayReady } from "./settings.ts";

const NOTIFY = "/v1.0/debit/notify";
const settings = readSettings();
const invoices = (await connect(settings.databaseUrl)).getRepository(naiveInvoice);
const token = randomBytes(32).toString("hex");

type Notice = { readonly originalPartnerReferenceNo: string; readonly latestTransactionStatus: string };
type Answer = { readonly status: number; readonly body: object };

async function answer(request: IncomingMessage, body: Buffer): Promise<Answer> {
  if (request.url !== NOTIFY)
    return { status: 200, body: { responseCode: "2007300", accessToken: token, expiresIn: 900 } };
  if (!isSigned(request, body)) return { status: 401, body: { responseCode: "4015600" } };
  const notice = JSON.parse(body.toString()) as Notice;
  const invoice = await invoices.findOneBy({ reference: notice.originalPartnerReferenceNo });
  if (invoice === null) return { status: 404, body: { responseCode: "4045600" } };
  if (notice.latestTransactionStatus === "00" && invoice.status !== "paid")
    await invoices.save({ id: invoice.id, status: "paid", paidAt: new Date() });
  return { status: 200, body: { responseCode: "2005600", responseMessage: "Successful" } };
}

function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const hash = createHash("sha256").update(body).digest("hex");
  const wanted = createHmac("sha512", settings.secretKey)
    .update(`POST:${NOTIFY}:${token}:${hash}:${request.headers["x-timestamp"]}`)
    .digest();
  const given = Buffer.from(String(request.headers["x-signature"]), "base64");
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    void answer(request, Buffer.concat(chunks))
      .catch((error: unknown): Answer => {
        console.error(error);
        return { status: 500, body: { responseCode: "5005600" } };
      })
      .then(({ status, body }) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      });
  });
});
server.listen(settings.port, "127.0.0.1", sayReady);
