import type { AxiosAdapter, AxiosResponse, InternalAxiosRequestConfig } from "axios";
import { AxiosHeaders } from "axios";
import type { Dispatcher } from "undici";
import { AppError } from "../../kernel/errors.ts";
import { monotonicMs } from "../../platform/real-time.ts";
import { after } from "../../platform/timer.ts";

declare module "axios" {
  interface AxiosRequestConfig {
    /**
     * Names and values by turns, sent as they are. axios would take `headers` apart and put them together three
     * times, which costs more than the rest of the call.
     */
    readonly wireHeaders?: readonly string[];
  }
}

/** Not one byte of the request left this machine. */
export class NotSentError extends AppError {
  readonly code = "not_sent";
  readonly retry = "later";
}

/** The request may have arrived; no whole answer came back. */
class NoAnswerError extends AppError {
  readonly code = "no_answer";
  readonly retry = "never";
}

/**
 * An axios adapter over undici that can prove what axios cannot: whether a byte left. undici calls
 * `onRequestStart` before it writes to the socket, so an error before that call (name, connection, TLS,
 * time-out in the pool's line) is a `NotSentError`, and any error after it a `NoAnswerError`, also on a
 * kept-alive socket that had died. Every status is an answer and redirects are not followed.
 */
export function undiciAdapter(dispatcher: Dispatcher, origin: string): AxiosAdapter {
  return (config) =>
    new Promise((resolve, reject) => {
      const { url = "/", wireHeaders = [], data } = config;
      dispatcher.dispatch(
        { origin, path: url, method: "POST", headers: [...wireHeaders], body: String(data) },
        openExchange(config, resolve, reject),
      );
    });
}

/** One request and its answer. Settles once; what undici says afterwards is dropped. */
function openExchange(
  config: InternalAxiosRequestConfig,
  resolve: (response: AxiosResponse<string>) => void,
  reject: (error: NotSentError | NoAnswerError) => void,
): Dispatcher.DispatchHandler {
  const chunks: Buffer[] = [];
  let started: Dispatcher.DispatchController | null = null;
  let over = false;
  let status = 0;

  const fail = (cause: Error): void => {
    if (over) return;
    over = true;
    cancelTimeout();
    reject(started === null ? new NotSentError(inWords(cause)) : new NoAnswerError(inWords(cause)));
  };
  const timeoutMs = config.timeout ?? 0;
  // A request whose turn comes late would leave no time for its answer: doubt made by ourselves.
  const latestStart = monotonicMs() + timeoutMs / 2;
  const cancelTimeout = after(timeoutMs, () => {
    const late = new Error(`no answer within ${timeoutMs} ms`);
    fail(late);
    started?.abort(late);
  });
  return {
    onRequestStart(controller) {
      if (!over && monotonicMs() <= latestStart) started = controller;
      else {
        const late = new Error("waited too long for a free connection");
        fail(late);
        // Aborting here, before the first write, keeps the promise that nothing left.
        controller.abort(late);
      }
    },
    onResponseStart(_controller, statusCode) {
      status = statusCode;
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk);
    },
    onResponseEnd() {
      if (over) return;
      over = true;
      cancelTimeout();
      const data = Buffer.concat(chunks).toString("utf8");
      resolve({ data, status, statusText: "", headers: new AxiosHeaders(), config });
    },
    onResponseError(_controller, error) {
      fail(error);
    },
  };
}

/** Code and message only: the error of a library may carry headers, and headers carry tokens. */
function inWords(error: Error & { readonly code?: unknown }): string {
  return `${typeof error.code === "string" ? error.code : ""} ${error.message}`.trim().slice(0, 200);
}
