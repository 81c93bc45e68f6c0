import { createPrivateKey } from "node:crypto";
import { Agent } from "undici";
import { publicPemOf } from "../platform/pem.ts";
import type { WireRequest } from "./endpoint.ts";
import { answerRequest, ENDPOINTS, writtenEnding } from "./exchange.ts";
import { activeLinksOf } from "./linking.ts";
import { findPayment, finishPage } from "./payment.ts";
import type { Facts } from "./script.ts";
import { DEFAULTS, handleOf, type Listening, type Simulator } from "./simulator.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import { makeWorld, type Post, type Settings } from "./world.ts";

/** How one request ended for its sender. `slowMs`: how long it takes until then. */
type Ended =
  | { readonly kind: "answer"; readonly status: number; readonly text: string; readonly slowMs: number }
  /** Nothing comes back. */
  | { readonly kind: "silence" }
  /** The connection breaks; whether the request was looked at nobody knows. */
  | { readonly kind: "reset" };

/** The same gateway without a socket, for who lives in the same process and by the same clock. */
export type InProcessSimulator = Omit<Simulator, keyof Listening> & {
  /** Answers one POST. What it does to money is done when this resolves; notifications follow by the clock. */
  exchange(path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Ended>;
  /** What a person does on the page of a pay link; nothing when there is no such page. */
  endPayPage(reference: string, action: "confirm" | "cancel" | "expire", phone: string): void;
  /** Whether the wallet is linked to a merchant, as its owner sees it in the app. */
  isLinked(phone: string): boolean;
  /** Forgets what is only kept to be looked at: a long life makes millions of requests. */
  forgetRequests(): void;
};

/** Makes the gateway. `post` brings its notifications to the merchant, `chooses` says what goes wrong. */
export function simulatorInProcess(options: {
  readonly clock: VirtualClock;
  readonly privateKeyPem: string;
  readonly post: Post;
  readonly chooses: (facts: Facts) => string | null;
  readonly settings?: Partial<Settings>;
}): InProcessSimulator {
  const { clock, privateKeyPem, post, chooses, settings } = options;
  const privateKey = createPrivateKey(privateKeyPem);
  const world = makeWorld({
    settings: { ...DEFAULTS, ...settings },
    clock,
    privateKey,
    publicKeyPem: publicPemOf(privateKey),
    agent: new Agent(),
    post,
    chooses,
  });
  world.address.url = "http://127.0.0.1:1";
  return {
    ...handleOf(world, 0),
    endPayPage: (reference, action, phone) => {
      const payment = [...world.merchants.keys()]
        .map((clientId) => findPayment(world, clientId, reference))
        .find((found) => found !== undefined);
      if (payment !== undefined) finishPage(world, payment, action, phone);
    },
    isLinked: (phone) => activeLinksOf(world, phone).length > 0,
    forgetRequests: () => void world.requests.splice(0),
    exchange: async (path, headers, body) => {
      const endpoint = ENDPOINTS.get(path);
      if (endpoint === undefined || !world.switches.gateway) return { kind: "reset" };
      const request: WireRequest = { method: "POST", path, target: path, headers: lowerCase(headers), body };
      const ending = answerRequest(world, endpoint, request);
      await ending.before();
      ending.afterwards();
      const written = writtenEnding(ending);
      if (typeof written === "string") return { kind: written };
      return { kind: "answer", status: written.status, text: written.text, slowMs: ending.plan.slowMs };
    },
  };
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
