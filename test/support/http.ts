import { connect } from "node:net";
import pino, { type Logger } from "pino";
import { onTestFinished } from "vitest";
import { type ApiRoute, ROLES } from "../../src/platform/api-route.ts";
import type { Database } from "../../src/platform/database.ts";
import { type HttpServerTools, openHttpServer } from "../../src/platform/http-server.ts";
import { freshDatabase, type TestDatabase } from "./db.ts";

const KEYS = ROLES.map((role) => ({ name: `${role}-key`, role, key: `secret-of-${role}-0123456789` }));

/** A logger whose lines a test can read. */
export function logTo(lines: Record<string, unknown>[]): Logger {
  return pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
}

/** A server on a free port with `routes`; only routes with idempotency need a database. */
export async function serverWith(routes: readonly ApiRoute[], more: Partial<HttpServerTools> = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = logTo(lines);
  const server = await openHttpServer({
    host: "127.0.0.1",
    port: 0,
    db: null as unknown as Database,
    log,
    apiKeys: KEYS,
    apiRoutes: routes,
    rawRoutes: [],
    readyChecks: [],
    farewellMs: 0,
    ...more,
  });
  onTestFinished(server.close);
  const call = async (method: string, path: string, { role = "admin", ...init }: CallOptions = {}) => {
    const response = await fetch(server.url + path, {
      method,
      ...init,
      headers: {
        ...(role === null ? {} : { authorization: `Bearer secret-of-${role}-0123456789` }),
        ...(init.body === undefined ? {} : { "content-type": "application/json" }),
        ...init.headers,
      },
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : null,
    };
  };
  return { server, call, lines };
}

export type CallOptions = {
  role?: string | null;
  body?: NonNullable<RequestInit["body"]>;
  headers?: Record<string, string>;
};

/** A migrated database that ends with the test. */
export async function database(): Promise<TestDatabase> {
  const db = await freshDatabase();
  onTestFinished(db.close);
  return db;
}

/** Sends bytes over a socket of its own and answers everything that came back until it was closed. */
export function exchange(port: number, chunks: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    let answer = "";
    socket.on("data", (data) => {
      answer += data.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}
