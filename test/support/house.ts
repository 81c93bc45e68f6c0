import { DateTime } from "luxon";
import { onTestFinished } from "vitest";
import { type House, openHouse } from "../../src/app/house.ts";
import { apiRoutes, openDoors } from "../../src/app/server.ts";
import { merchant } from "../../src/app/simulator-command.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { checkRules } from "../../src/invariants/check-rules.flow.ts";
import { RULES } from "../../src/invariants/rules.ts";
import { collector } from "../../src/invoices/collect.flow.ts";
import type { CollectTools } from "../../src/invoices/collect-tools.ts";
import type { DeliveryId, InvoiceId, RefundId } from "../../src/kernel/ids.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { deliveryHandler } from "../../src/notifications/handle.flow.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import type { HttpServer } from "../../src/platform/http-server.ts";
import { openLogger } from "../../src/platform/logger.ts";
import { privatePemOf } from "../../src/platform/pem.ts";
import { newEncryptionKey } from "../../src/platform/secrets.ts";
import { giveBack } from "../../src/refunds/give-back.flow.ts";
import { type Simulator, startSimulator } from "../../src/simulator/simulator.ts";
import { checkAnswer } from "./answers.ts";
import { dropDatabase, freshDatabaseUrl } from "./db.ts";
import { CLIENT, merchant as ours, gateway as theirs } from "./gateway-calls.ts";
import { beat, live, moveClocks, settle } from "./hand-bell.ts";

// Making a key of 2048 bits takes longer than a whole story: one pair a process each for us and for the gateway.
const publicPem = ours.publicKey.export({ type: "spki", format: "pem" }).toString();

/** What the gateway signs its calls with. */
export const SECRET = "SK-scenarios-0000000001";
const API_KEY = "secret-of-admin-0123456789";
/** A Monday, two hours after the charge window opens in Jakarta. */
const START = "2027-03-01T10:00:00+07:00";

type Options = {
  /** Business time at the beginning; both clocks stand there. */
  readonly start?: string;
  readonly window?: string;
  readonly ladder?: string;
  /** Other variables of the configuration. */
  readonly environment?: Readonly<Record<string, string>>;
  /** One gateway time-out, ms of real time; stories in which the gateway is silent want a short one. */
  readonly timeoutMs?: number;
  /** Where the gateway is found, when something stands in front of the simulator. */
  readonly through?: (simulatorPort: number) => Promise<string>;
  /** False where a story writes rows by hand that no house would write: then the rules are not asked at its end. */
  readonly lawful?: boolean;
};

/** Stories end in the middle of things: what is due may wait, what was done must be right. */
const PATIENCE_MS = 365 * 86_400_000;

/** What the gateway's answers pass on their way to the collector: a story may let something happen in between. */
type Proxy = Partial<Gateway>;

export type TestHouse = {
  readonly house: House;
  readonly simulator: Simulator;
  readonly doors: HttpServer;
  /** The tools of the worker; stories that need a second worker make one of these. */
  readonly collect: CollectTools;
  /** Replaces methods of the gateway as the worker sees it, until replaced again. */
  proxy(methods: Proxy): void;
  now(): Promise<Instant>;
  /** One statement in its own transaction. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** A call on the merchant's API; throws unless it succeeds. */
  api(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Json>;
  /** As `api`, but answers the status too, whatever it is. */
  request(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Reply>;
  /** Gives deliveries that have been stored their effect, now. */
  handleInbox(): Promise<void>;
  /** One beat that nobody answers: who was rung for. */
  beat(): Promise<InvoiceId[]>;
  /** Beats and answers bells until nothing is due now and nothing is on its way. */
  settle(): Promise<void>;
  /** Lives until a moment (ISO, or a duration from now as luxon reads it): jumps from one due thing to the next. */
  live(until: string | Readonly<Record<string, number>>): Promise<void>;
  /** Both clocks at once, with nobody at work in between. */
  jump(by: Readonly<Record<string, number>>): Promise<void>;
  /** Closes our HTTP server: the gateway's notifications find nobody. `open` brings it back on the same port. */
  closeDoors(): Promise<void>;
  openDoors(): Promise<void>;
};

type Json = Readonly<Record<string, unknown>>;
type Reply = { readonly status: number; readonly json: Json };

/** The whole house on a turned clock, with the simulator as its gateway. Bells are answered by hand: no worker runs. */
export async function buildHouse(options: Options = {}): Promise<TestHouse> {
  const start = DateTime.fromISO(options.start ?? START, { zone: "utc" }) as Instant;
  const privateKeyPem = privatePemOf(theirs.privateKey);
  const simulator = await startSimulator({ now: start, privateKeyPem });
  const port = await freePort();
  const databaseUrl = await freshDatabaseUrl();
  const config = configFor(options, {
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    DOKU_BASE_URL: (await options.through?.(simulator.port)) ?? simulator.url,
    DOKU_PUBLIC_KEY: simulator.publicKeyPem,
  });
  const opened = await openHouse(config, {
    role: "test",
    databaseUrl,
    encryptionKeys: config.encryptionKeys ?? [],
    log: openLogger({ level: "silent", role: "test" }),
    wireNow: () => simulator.now(),
  });
  const bells = {
    invoices: new Set<InvoiceId>(),
    refunds: new Set<RefundId>(),
    deliveries: new Set<DeliveryId>(),
  };
  const house = handRung(opened, bells);
  await house.db.begin((tx) => setTurnedClock(tx, start));
  // Closing doors would wait for the callers that keep a connection: here they are all our own.
  const place = { host: "127.0.0.1", port, farewellMs: 0 };
  let doors = await openDoors(house, place);
  simulator.addMerchant(merchant(doors.url, CLIENT, SECRET, publicPem));
  onTestFinished(async () => {
    await simulator.stop();
    await doors.close();
    const broken = options.lawful === false ? [] : await breaks(house);
    await house.close();
    await dropDatabase(databaseUrl);
    if (broken.length > 0) throw new Error(`rules are broken at the end of the story:\n${broken.join("\n")}`);
  });
  let proxied: Proxy = {};
  const gateway = proxyOf(house.collect.gateway, () => proxied);
  // The stories say how often and for how long "not found" was heard; that it does not count in the same instant
  // of real time is told in the unit tests.
  const collect = { ...house.collect, gateway, notFoundBlindMs: 0 };
  const worker = collector(collect);
  const handle = deliveryHandler({ decide: collect, bindings: house.bindings, log: house.log });
  const handleInbox = async () => {
    const ids = drain(bells.deliveries);
    await handle(ids);
    return ids.length;
  };
  const answer = async () => {
    const ids = drain(bells.invoices);
    const refunds = drain(bells.refunds);
    const [deliveries] = await Promise.all([handleInbox(), worker.collect(ids), giveBack(collect, refunds)]);
    return ids.length + refunds.length + deliveries;
  };
  const home = { house, simulator, answer };
  const request = apiOf(() => doors, apiRoutes(house));
  return {
    house,
    simulator,
    collect,
    get doors() {
      return doors;
    },
    proxy: (methods) => {
      proxied = methods;
    },
    now: () => house.db.begin((tx) => house.clock.now(tx)),
    query: (sql, parameters) => house.db.begin((tx) => tx.query(sql, parameters)),
    request,
    api: async (method, path, body, headers) => {
      const { status, json } = await request(method, path, body, headers);
      if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(json)}`);
      return json;
    },
    handleInbox: async () => void (await handleInbox()),
    beat: async () => {
      await beat(house);
      return drain(bells.invoices);
    },
    settle: () => settle(home),
    jump: async (by) => {
      const to = (await house.db.begin((tx) => house.clock.now(tx))).plus(by);
      await moveClocks(home, to);
    },
    live: (until) => live(home, until),
    closeDoors: () => doors.close(),
    openDoors: async () => {
      doors = await openDoors(house, place);
    },
  };
}

/** Whatever a story told, the rules hold at its end. */
async function breaks({ db, clock }: House): Promise<string[]> {
  const now = await db.begin((tx) => clock.now(tx));
  const broken = await checkRules(db, RULES, { now, patienceMs: PATIENCE_MS });
  return broken.map(({ rule, subject, says }) => `${rule}: ${subject}: ${says}`);
}

function configFor(
  { window = "08:00-20:00", ladder, timeoutMs = 2_000, environment = {} }: Options,
  places: Readonly<Record<string, string>>,
) {
  return loadConfig(
    {
      TAGIH_CLOCK: "turned",
      GATEWAY_RATE_PER_SECOND: "100000",
      GATEWAY_TIMEOUT_MS: String(timeoutMs),
      CHARGE_WINDOW: window,
      ...(ladder === undefined ? {} : { STATUS_INQUIRY_LADDER: ladder }),
      ...environment,
      ...places,
      DOKU_CLIENT_ID: CLIENT,
      DOKU_SECRET_KEY: SECRET,
      DOKU_PRIVATE_KEY: privatePemOf(ours.privateKey),
      TAGIH_API_KEYS: `sari:admin:${API_KEY}`,
      TAGIH_ENCRYPTION_KEY: newEncryptionKey("test"),
    },
    { gateway: true, api: true },
  );
}

function drain<T>(rung: Set<T>): T[] {
  const ids = [...rung];
  rung.clear();
  return ids;
}

type Bells = {
  readonly invoices: Set<InvoiceId>;
  readonly refunds: Set<RefundId>;
  readonly deliveries: Set<DeliveryId>;
};

/** The same house with bells that only note who rang. */
function handRung(house: House, bells: Bells): House {
  return {
    ...house,
    ringInvoices: async (ids) => {
      for (const id of ids) bells.invoices.add(id);
    },
    ringRefunds: async (ids) => {
      for (const id of ids) bells.refunds.add(id);
    },
    ringDeliveries: async (ids) => {
      for (const id of ids) bells.deliveries.add(id);
    },
  };
}

function proxyOf(real: Gateway, methods: () => Proxy): Gateway {
  return {
    ...real,
    startBinding: (order) => (methods().startBinding ?? real.startBinding)(order),
    exchange: (grant) => (methods().exchange ?? real.exchange)(grant),
    balance: (token) => (methods().balance ?? real.balance)(token),
    pay: (request) => (methods().pay ?? real.pay)(request),
    inquire: (request) => (methods().inquire ?? real.inquire)(request),
    startPayPage: (request) => (methods().startPayPage ?? real.startPayPage)(request),
    refund: (request) => (methods().refund ?? real.refund)(request),
    inquireRefund: (request) => (methods().inquireRefund ?? real.inquireRefund)(request),
  };
}

/** Every good answer of every story must be what its route says it answers. */
function apiOf(doors: () => HttpServer, routes: readonly ApiRoute[]): TestHouse["request"] {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${doors().url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as Json;
    if (response.ok) checkAnswer(routes, method, path, json);
    return { status: response.status, json };
  };
}
