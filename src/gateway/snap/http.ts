import { Axios } from "axios";
import { Pool } from "undici";
import { LARGEST_WINDOW } from "../../platform/in-flight-window.ts";
import { NotSentError, undiciAdapter } from "./undici-adapter.ts";

/** How one request ended. The three are told apart by proof, not by guess. */
export type Outcome =
  /** Not one byte left: name, connection or TLS failed. */
  | { readonly kind: "not_sent"; readonly cause: string }
  /** It may have arrived: time-out, reset or a cut answer. */
  | { readonly kind: "no_answer"; readonly cause: string }
  /** A whole answer, whatever its status. */
  | { readonly kind: "answer"; readonly status: number; readonly text: string };

/** The line to one gateway host. */
export type Http = {
  /** Sends `body` byte for byte, once. Never throws. */
  post(call: {
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    /** Shorter than the line's own, where others wait for this call. */
    readonly timeoutMs?: number;
  }): Promise<Outcome>;
  close(): Promise<void>;
};

/** Long enough for a far host and a lost packet, short enough to leave time for the answer. */
const CONNECT_TIMEOUT_MS = 5_000;
/** SNAP's answers are under 4 KiB; a larger one is not the gateway's. */
const ANSWER_LIMIT_BYTES = 1024 * 1024;
/** As many as a process ever has in flight; they are opened as they are needed. */
const CONNECTIONS = LARGEST_WINDOW;

/** Opens the line. `timeoutMs` bounds a whole call, waiting for a free connection included. */
export function openHttp(options: { readonly baseUrl: string; readonly timeoutMs: number }): Http {
  const base = new URL(options.baseUrl);
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    // The adapter's own timer covers the whole call.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: ANSWER_LIMIT_BYTES,
    connect: {
      timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs),
      // Said aloud, so that no environment variable can switch the certificate check off.
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
    },
  });
  // A bare client: every call merges the defaults anew, and those for browsers and for JSON are of no use here.
  // Without transformers the signed string goes out as it is, and the answer comes back as it was.
  const client = new Axios({ adapter: undiciAdapter(pool, base.origin) });
  const prefix = base.pathname.replace(/\/+$/, "");
  return {
    post: async ({ path, headers, body, timeoutMs = options.timeoutMs }) => {
      try {
        const { status, data } = await client.request<string>({
          method: "post",
          url: prefix + path,
          data: body,
          wireHeaders: [...Object.entries(headers).flat(), "Content-Type", "application/json"],
          timeout: Math.min(timeoutMs, options.timeoutMs),
        });
        return { kind: "answer", status, text: data };
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        return { kind: error instanceof NotSentError ? "not_sent" : "no_answer", cause };
      }
    },
    close: () => pool.destroy(),
  };
}
