import { DateTime } from "luxon";
import { z } from "zod";
import { ConflictError, InvalidError, NotFoundError } from "../kernel/errors.ts";
import { LINK_RESULTS } from "./linking.ts";
import { resend } from "./notifier.ts";
import {
  addMerchant,
  addScript,
  addWallet,
  changeWallet,
  endLinkPage,
  flipSwitches,
  momentAfter,
  unlink,
} from "./operations.ts";
import { clockView, ledgerView, notificationsView, notificationView, requestsView } from "./views.ts";
import { incomingOf } from "./wallet.ts";
import { TIERS, type World } from "./world.ts";

/** What a control route answers: JSON, or text where `body` is a string. */
type ControlAnswer = { readonly status: number; readonly body: unknown };

type ControlRoute = (world: World, body: unknown, name: string) => unknown;

const phone = z.string();
const amount = z.int();
const text = z.string().min(1);

const MERCHANT = z.strictObject({
  client_id: text,
  secret_key: text,
  public_key: text,
  token_url: text,
  notify_url: text,
  binding_notify_url: text,
});
const WALLET = z.strictObject({
  phone,
  balance: amount,
  tier: z.enum(TIERS).optional(),
  blocked: z.boolean().optional(),
});
const WALLET_CHANGE = z.strictObject({
  balance: amount.optional(),
  add: amount.optional(),
  tier: z.enum(TIERS).optional(),
  blocked: z.boolean().optional(),
  closed: z.boolean().optional(),
});
const SCRIPT = z.strictObject({
  match: z.strictObject({
    path: text.optional(),
    phone: phone.optional(),
    reference: text.optional(),
    amount: amount.optional(),
  }),
  outcome: text,
  times: z.int().min(1).optional(),
});
const SWITCHES = z.strictObject({ gateway: z.boolean().optional(), merchant: z.boolean().optional() });
const CLOCK = z.union([z.strictObject({ now: text }), z.strictObject({ advance: text })], {
  error: "now (ISO-8601 with offset) or advance (a duration) is needed",
});

/** By method and path; `*` stands for one name in the path. */
const ROUTES: Readonly<Record<string, ControlRoute>> = {
  "POST merchants": (world, body) => {
    const merchant = read(MERCHANT, body);
    addMerchant(world, {
      clientId: merchant.client_id,
      secretKey: merchant.secret_key,
      publicKeyPem: merchant.public_key,
      tokenUrl: merchant.token_url,
      notifyUrl: merchant.notify_url,
      bindingNotifyUrl: merchant.binding_notify_url,
    });
    return { client_id: merchant.client_id };
  },
  "GET public-key": (world) => world.publicKeyPem,
  "GET wallets": (world) => [...world.wallets.values()],
  "POST wallets": (world, body) => addWallet(world, read(WALLET, body)),
  "PATCH wallets/*": (world, body, name) => changeWallet(world, name, read(WALLET_CHANGE, body)),
  "POST unlink": (world, body) => {
    const order = read(z.strictObject({ phone }), body);
    unlink(world, order.phone);
    return order;
  },
  "POST links": (world, body) => {
    const order = read(z.strictObject({ phone, result: z.enum(LINK_RESULTS) }), body);
    endLinkPage(world, order.phone, order.result);
    return order;
  },
  "GET wallets/*": (world, _, name) => {
    const wallet = world.wallets.get(name);
    if (wallet === undefined) throw new NotFoundError(`phone: no wallet ${name}`);
    return { ...wallet, incomingThisMonth: incomingOf(world, name) };
  },
  "GET switches": (world) => world.switches,
  "POST switches": (world, body) => {
    flipSwitches(world, read(SWITCHES, body));
    return world.switches;
  },
  "GET script": (world) =>
    world.scripts.map(({ match, outcome, times, used }) => ({ match, outcome, timesLeft: times - used })),
  "DELETE script": (world) => {
    world.scripts.length = 0;
    return [];
  },
  "POST script": (world, body) => {
    const order = read(SCRIPT, body);
    addScript(world, order);
    return order;
  },
  "POST clock": async (world, body) => {
    const order = read(CLOCK, body);
    await world.clock.moveTo("now" in order ? momentOf(order.now) : momentAfter(world, order.advance));
    return clockView(world);
  },
  "GET clock": clockView,
  "GET ledger": ledgerView,
  "GET requests": requestsView,
  "GET notifications": notificationsView,
  "POST notifications/*/resend": async (world, _, name) => {
    const notification = world.notifications.get(name);
    if (notification === undefined) throw new NotFoundError(`id: no notification ${name}`);
    return notificationView(await resend(world, notification));
  },
};

/** The control surface for tests and demos. `path` is what follows `/_sim/`. */
export async function control(
  world: World,
  method: string,
  path: string,
  body: string,
): Promise<ControlAnswer> {
  const [room = "", name = "", ...rest] = path.split("/");
  const key = [room, name === "" ? [] : "*", rest].flat().join("/");
  const route = ROUTES[`${method} ${key}`];
  if (route === undefined) return { status: 404, body: { error: `no such route: ${method} /_sim/${path}` } };
  try {
    const answer = await route(world, parse(body), decodeURIComponent(name));
    return { status: 200, body: typeof answer === "string" ? answer : snakeCase(answer) };
  } catch (error) {
    if (error instanceof InvalidError) return { status: 400, body: { error: error.message } };
    if (error instanceof NotFoundError) return { status: 404, body: { error: error.message } };
    if (error instanceof ConflictError) return { status: 409, body: { error: error.message } };
    throw error;
  }
}

function parse(body: string): unknown {
  if (body === "") return {};
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new InvalidError("body: not JSON", {}, { cause });
  }
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join(".") ?? "";
  const message = issue?.message ?? "wrong body";
  throw new InvalidError(field === "" ? message : `${field}: ${message}`);
}

function momentOf(iso: string): number {
  const at = DateTime.fromISO(iso, { setZone: true });
  const saysZone = /(Z|[+-]\d{2}:?\d{2})$/i.test(iso);
  if (!at.isValid || !saysZone) throw new InvalidError(`now: ${iso} is no ISO-8601 moment with an offset`);
  return at.toMillis();
}

/** Keys as the control surface writes them: `balanceAfter` is `balance_after`. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}
