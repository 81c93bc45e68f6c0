import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type Dispatcher, request } from "undici";
import { randomDigits, randomHex, randomUuid } from "../platform/random.ts";
import { monotonicMs } from "../platform/real-time.ts";
import type { Message, Notice } from "./endpoint.ts";
import { signCall, signTokenCall } from "./signature.ts";
import { wireTime } from "./wire-time.ts";
import type { DeliveryAttempt, Merchant, Notification, World } from "./world.ts";

/** After the first attempt; DOKU says 30 minutes, then 5 h 30 min, then 12 h after the original. */
const RETRIES_AFTER_MS = [30 * 60_000, 6 * 3_600_000, 12 * 3_600_000] as const;
const TIMEOUT_MS = 30_000;
/** An answer is a few hundred bytes; more is kept only to show what came. */
const ANSWER_KEPT = 4096;
/** DOKU may keep the merchant's token; half its life in real time leaves no delivery near the end of it. */
const TOKEN_REUSE_MS = 450_000;

/** Sends a notice when its plan says; resolves when its first attempts are over (at once when they come later). */
export function emit(world: World, notice: Notice): Promise<void> {
  const { timing, lateMs } = notice.notify;
  const delay = timing === "late" ? lateMs : timing === "early" ? 0 : world.settings.notifyDelayMs;
  const work = () => deliverAll(world, notice);
  if (timing === "early") return work();
  world.clock.schedule(world.clock.now() + delay, work);
  return Promise.resolve();
}

/** Sends a notification once more, rightly signed, as a person does in DOKU's back office. */
export async function resend(world: World, notification: Notification): Promise<Notification> {
  const clean = { ...notification, badSignature: false, externalId: randomDigits(36) };
  await attempt(world, clean);
  return world.notifications.get(notification.id) ?? clean;
}

async function deliverAll(world: World, notice: Notice): Promise<void> {
  if (notice.notify.forged) await attempt(world, record(world, notice, notice.claim, { forged: true }));
  if (notice.notify.timing === "never") return;
  const records = notice.messages.map((message) => record(world, notice, message, { forged: false }));
  const [first] = records;
  if (first !== undefined && notice.notify.twice) records.splice(1, 0, twin(world, first));
  for (const one of records) await firstAttempt(world, one);
}

function record(
  world: World,
  notice: Notice,
  message: Message,
  { forged }: { readonly forged: boolean },
): Notification {
  const notification: Notification = {
    id: randomUuid(),
    kind: notice.kind,
    clientId: notice.clientId,
    reference: notice.reference,
    status: message.status,
    body: JSON.stringify(message.body),
    externalId: randomDigits(36),
    createdAt: world.clock.now(),
    badSignature: notice.notify.badSignature,
    forged,
    attempts: [],
    state: "waiting",
  };
  world.notifications.set(notification.id, notification);
  return notification;
}

/** The same delivery a second time, down to its X-EXTERNAL-ID. */
function twin(world: World, first: Notification): Notification {
  const second = { ...first, id: randomUuid() };
  world.notifications.set(second.id, second);
  return second;
}

async function firstAttempt(world: World, notification: Notification): Promise<void> {
  if (await attempt(world, notification)) return;
  scheduleRetry(world, notification.id, 0);
}

function scheduleRetry(world: World, id: string, retry: number): void {
  const notification = world.notifications.get(id);
  const wait = RETRIES_AFTER_MS[retry];
  if (notification === undefined || notification.state === "delivered") return;
  if (wait === undefined) {
    world.notifications.set(id, { ...notification, state: "given_up" });
    return;
  }
  world.clock.schedule(notification.createdAt + wait, async () => {
    const current = world.notifications.get(id);
    if (current === undefined || current.state === "delivered") return;
    if (!(await attempt(world, current))) scheduleRetry(world, id, retry + 1);
  });
}

/** One delivery: step A (token) and step B (notify), recorded with what the merchant said. True if it took it. */
async function attempt(world: World, notification: Notification): Promise<boolean> {
  const merchant = world.merchants.get(notification.clientId);
  if (merchant === undefined) return false;
  const at = world.clock.now();
  world.inFlight.count += 1;
  const result = await deliver(world, merchant, notification).catch((error: unknown) => ({
    httpStatus: null,
    answer: error instanceof Error ? error.message : String(error),
  }));
  world.inFlight.count -= 1;
  const accepted = result.httpStatus !== null && result.httpStatus >= 200 && result.httpStatus < 300;
  const latest = world.notifications.get(notification.id) ?? notification;
  world.notifications.set(notification.id, {
    ...latest,
    attempts: [...latest.attempts, { at, ...result }],
    state: accepted ? "delivered" : notification.forged ? "given_up" : latest.state,
  });
  return accepted;
}

async function deliver(
  world: World,
  merchant: Merchant,
  notification: Notification,
): Promise<Omit<DeliveryAttempt, "at">> {
  if (!world.switches.merchant)
    return { httpStatus: null, answer: "the merchant's endpoint is switched off" };
  const { forged, badSignature, externalId, body } = notification;
  const url = new URL(notification.kind === "payment" ? merchant.notifyUrl : merchant.bindingNotifyUrl);
  const token = forged ? await strangersToken(world, merchant) : await merchantToken(world, merchant);
  if (token === null) return { httpStatus: null, answer: "the merchant gave no token" };
  const timestamp = wireTime(world.clock.now());
  const secret = forged || badSignature ? randomHex(16) : merchant.secretKey;
  const target = url.pathname + url.search;
  const headers = {
    authorization: `Bearer ${token}`,
    "x-timestamp": timestamp,
    "x-signature": signCall(secret, { method: "POST", target, token, timestamp }, body),
    "x-partner-id": merchant.clientId,
    "x-external-id": externalId,
  };
  const answer = await post(world, url, headers, body);
  if (answer.httpStatus === 401) world.merchantTokens.delete(merchant.clientId);
  return { ...answer, answer: answer.answer.slice(0, ANSWER_KEPT) };
}

async function merchantToken(world: World, merchant: Merchant): Promise<string | null> {
  const kept = world.merchantTokens.get(merchant.clientId);
  if (kept !== undefined && kept.goodUntilMs > monotonicMs()) return kept.token;
  const token = askToken(world, merchant, world.privateKey);
  // Notifications that go out together share what the first of them asks for.
  const asked = { token, goodUntilMs: monotonicMs() + TOKEN_REUSE_MS };
  world.merchantTokens.set(merchant.clientId, asked);
  const forget = () => {
    if (world.merchantTokens.get(merchant.clientId) === asked) world.merchantTokens.delete(merchant.clientId);
  };
  token.then((given) => given ?? forget(), forget);
  return token;
}

/** A stranger asks with a key of its own and, refused as it should be, makes a token up. */
async function strangersToken(world: World, merchant: Merchant): Promise<string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return (await askToken(world, merchant, privateKey)) ?? randomHex(20);
}

async function askToken(world: World, merchant: Merchant, key: KeyObject): Promise<string | null> {
  const timestamp = wireTime(world.clock.now());
  const headers = {
    "x-client-key": merchant.clientId,
    "x-timestamp": timestamp,
    "x-signature": signTokenCall(key, merchant.clientId, timestamp),
  };
  const body = JSON.stringify({ grantType: "client_credentials" });
  const answer = await post(world, new URL(merchant.tokenUrl), headers, body);
  if (answer.httpStatus !== 200) return null;
  const token = (JSON.parse(answer.answer) as { readonly accessToken?: unknown }).accessToken;
  return typeof token === "string" && token !== "" ? token : null;
}

async function post(
  world: World,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<{ readonly httpStatus: number; readonly answer: string }> {
  if (world.post !== undefined)
    return world.post(url, { "content-type": "application/json", ...headers }, body);
  const response: Dispatcher.ResponseData = await request(url, {
    dispatcher: world.agent,
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  return { httpStatus: response.statusCode, answer: await response.body.text() };
}
