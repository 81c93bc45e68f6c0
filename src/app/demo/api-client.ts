import axios from "axios";
import { AwayError } from "../../kernel/errors.ts";

/** The merchant's own programs, as the demo plays them: they only know the HTTP API. */
export type ApiClient = { post(path: string, body: object): Promise<Record<string, unknown>> };

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
  return {
    post: async (path, body) => {
      const { status, data } = await http.post<Record<string, unknown>>(path, body);
      if (status >= 300) throw new AwayError(`POST ${path} answered ${status}: ${String(data["detail"])}`);
      return data;
    },
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
