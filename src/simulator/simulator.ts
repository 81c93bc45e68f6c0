import { createPrivateKey, generateKeyPair } from "node:crypto";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { DateTime } from "luxon";
import { Agent } from "undici";
import { AwayError, NotFoundError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import { publicPemOf } from "../platform/pem.ts";
import { makeServer } from "./http-server.ts";
import type { LinkResult } from "./linking.ts";
import { resend } from "./notifier.ts";
import {
  addMerchant,
  addScript,
  addWallet,
  changeWallet,
  endLinkPage,
  flipSwitches,
  type MerchantOrder,
  momentAfter,
  type SwitchOrder,
  unlink,
  type WalletChange,
  type WalletOrder,
} from "./operations.ts";
import type { ScriptOrder } from "./script.ts";
import {
  type ClockView,
  clockView,
  ledgerView,
  type MovementView,
  type NotificationView,
  notificationsView,
  type RequestView,
  requestsView,
} from "./views.ts";
import { makeVirtualClock } from "./virtual-clock.ts";
import { makeWorld, type Settings, type Wallet, type World } from "./world.ts";

/** How the simulator is started; what is left out of the settings is as in `DEFAULTS`. */
export type SimulatorOptions = Partial<Settings> & {
  /** 0 or absent: a free one. */
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly merchant?: MerchantOrder | undefined;
  readonly wallets?: readonly WalletOrder[] | undefined;
  /** Starts with a clock that stands still here; absent: real time until the clock is first turned. */
  readonly now?: Instant | undefined;
  /** DOKU's own RSA key (PEM); absent: made at start. */
  readonly privateKeyPem?: string | undefined;
  readonly log?: ((line: string) => void) | undefined;
};

/** A running simulator. What it lists is the same as on `/_sim`, in camelCase; money is whole rupiah. */
export type Simulator = {
  readonly url: string;
  readonly port: number;
  readonly publicKeyPem: string;
  readonly addMerchant: (merchant: MerchantOrder) => void;
  readonly addWallet: (wallet: WalletOrder) => Wallet;
  readonly changeWallet: (phone: string, change: WalletChange) => Wallet;
  readonly wallet: (phone: string) => Wallet | null;
  readonly wallets: () => Wallet[];
  readonly unlink: (phone: string) => void;
  readonly finishLink: (phone: string, result: LinkResult) => void;
  readonly script: (order: ScriptOrder) => void;
  /** False: the gateway hangs up on every call, the merchant's endpoint does not answer. */
  readonly switches: (to: SwitchOrder) => void;
  readonly clock: () => ClockView;
  /** Its time; what the wire follows when both clocks are turned together. */
  readonly now: () => Instant;
  /** Both resolve when everything due on the way has been done and answered. */
  readonly setClock: (now: Instant) => Promise<void>;
  readonly advanceClock: (duration: string) => Promise<void>;
  readonly nextEventAt: () => Instant | null;
  /** A request is being answered or a notification is on its way. */
  readonly busy: () => boolean;
  readonly ledger: () => MovementView[];
  readonly requests: () => RequestView[];
  readonly notifications: () => NotificationView[];
  readonly resend: (notificationId: string) => Promise<void>;
  /** How many requests and movements of money there were: cheap, to be asked often. */
  readonly counts: () => { readonly requests: number; readonly movements: number };
  /** As a gateway that is away: connections are cut and new ones refused. Its clock and memory stay. */
  readonly stopListening: () => Promise<void>;
  /** Back on the same port. */
  readonly listenAgain: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** The plain gateway. */
export const DEFAULTS: Settings = {
  notifyDelayMs: 0,
  latencyMs: 0,
  autoLink: false,
  autoWallets: false,
  newestTokenOnly: false,
  strictBearer: false,
  strictSignature: false,
  refunds: { partial: true, windowDays: 7, code: "2000700" },
};

/** Connections to one merchant; more notifications wait their turn, as they would at DOKU. */
const NOTIFY_CONNECTIONS = 32;

/** Starts a stand-in for DOKU's SNAP gateway with OVO behind it, listening on loopback unless told otherwise. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const {
    port: wantedPort = 0,
    host = "127.0.0.1",
    now,
    merchant,
    wallets = [],
    privateKeyPem,
    log,
    ...settings
  } = options;
  const privateKey = await ownKey(privateKeyPem);
  const world = makeWorld({
    settings: { ...DEFAULTS, ...settings },
    clock: makeVirtualClock(now?.toMillis() ?? null),
    privateKey,
    publicKeyPem: publicPemOf(privateKey),
    agent: new Agent({ connections: NOTIFY_CONNECTIONS }),
  });
  if (merchant !== undefined) addMerchant(world, merchant);
  for (const wallet of wallets) addWallet(world, wallet);

  const server = makeServer(world, log ?? (() => {}));
  const listen = (on: number) =>
    new Promise<void>((resolve, reject) => {
      const refused = (cause: Error) =>
        reject(new AwayError(`cannot listen on ${host}:${on}; is the port taken?`, {}, { cause }));
      server.once("error", refused).listen(on, host, resolve);
    });
  await listen(wantedPort);
  const { port } = server.address() as AddressInfo;
  world.address.url = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  const stopListening = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  const stop = async () => {
    world.clock.stop();
    await Promise.all([stopListening(), world.agent.destroy()]);
  };
  return { ...handleOf(world, port), stopListening, listenAgain: () => listen(port), stop };
}

/** What only a simulator on a socket can do. */
export type Listening = Pick<Simulator, "stopListening" | "listenAgain" | "stop">;

/** What a simulator can do whether or not it listens. */
export function handleOf(world: World, port: number): Omit<Simulator, keyof Listening> {
  return {
    url: world.address.url,
    port,
    publicKeyPem: world.publicKeyPem,
    addMerchant: (merchant) => addMerchant(world, merchant),
    addWallet: (wallet) => addWallet(world, wallet),
    changeWallet: (phone, change) => changeWallet(world, phone, change),
    wallet: (phone) => world.wallets.get(phone) ?? null,
    wallets: () => [...world.wallets.values()],
    unlink: (phone) => unlink(world, phone),
    finishLink: (phone, result) => endLinkPage(world, phone, result),
    script: (order) => addScript(world, order),
    switches: (to) => flipSwitches(world, to),
    clock: () => clockView(world),
    now: () => DateTime.fromMillis(world.clock.now(), { zone: "utc" }) as Instant,
    setClock: (now) => world.clock.moveTo(now.toMillis()),
    advanceClock: (duration) => world.clock.moveTo(momentAfter(world, duration)),
    nextEventAt: () => {
      const at = world.clock.nextEventAt();
      return at === null ? null : (DateTime.fromMillis(at, { zone: "utc" }) as Instant);
    },
    busy: () => world.inFlight.count > 0,
    ledger: () => ledgerView(world),
    requests: () => requestsView(world),
    notifications: () => notificationsView(world),
    resend: async (notificationId) => {
      const notification = world.notifications.get(notificationId);
      if (notification === undefined) throw new NotFoundError(`no notification ${notificationId}`);
      await resend(world, notification);
    },
    counts: () => ({ requests: world.requests.length, movements: world.ledger.length }),
  };
}

async function ownKey(pem: string | undefined) {
  if (pem !== undefined) return createPrivateKey(pem);
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return privateKey;
}
