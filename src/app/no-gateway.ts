import type { Gateway } from "../gateway/gateway.ts";
import { ConfigError } from "../platform/config.ts";

/** Stands where the gateway would, in a command that was started without its configuration: whoever asks it learns so. */
export const noGateway: Gateway & { close(): Promise<void> } = new Proxy(
  { close: async () => {} } as Gateway & { close(): Promise<void> },
  {
    get: (own, name) =>
      name === "close"
        ? own.close
        : () => {
            throw new ConfigError("this asks the gateway: give DOKU_BASE_URL and the other DOKU_ variables");
          },
  },
);
