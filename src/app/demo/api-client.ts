import axios from "axios";
import { AwayError } from "../../kernel/errors.ts";
import { randomHex } from "../../platform/random.ts";

/** The merchant's own programs, as the demo plays them: they only know the HTTP API. */
export type ApiClient = {
  post(path: string, body: object): Promise<Record<string, unknown>>;
  get(path: string): Promise<Record<string, unknown>>;
  delete(path: string): Promise<Record<string, unknown>>;
};

/** Calls in flight at once: a merchant's import, not a load test. */
const AT_ONCE = 16;

export function apiClient(url: string, key: string): ApiClient {
  const http = axios.create({
    baseURL: `${url}/api/v1`,
    headers: { authorization: `Bearer ${key}` },
    proxy: false,
    maxRedirects: 0,
    validateStatus: () => true,
  });
  const call = async (method: string, path: string, body?: object) => {
    // Calls that move money need a key; the demo makes each of them once.
    const headers = method === "POST" ? { "idempotency-key": randomHex(8) } : {};
    const { status, data } = await http.request<Record<string, unknown>>({
      method,
      url: path,
      data: body,
      headers,
    });
    if (status >= 300) throw new AwayError(`${method} ${path} answered ${status}: ${String(data["detail"])}`);
    return data;
  };
  return {
    post: (path, body) => call("POST", path, body),
    get: (path) => call("GET", path),
    delete: (path) => call("DELETE", path),
  };
}

/** Runs `work` for every item, a few at a time. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  const runOne = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runOne));
}
