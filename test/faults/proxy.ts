// A load balancer of ten lines: connections go round the servers; one that refuses is passed over.
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "../../src/platform/embedded/server.ts";

export type Proxy = { readonly url: string; close(): Promise<void> };

/** Passes connections on to `ports` of 127.0.0.1. Only the connect is tried elsewhere: bytes are sent once. */
export async function openProxy(ports: readonly number[]): Promise<Proxy> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client);
    client.on("error", () => {}).once("close", () => open.delete(client));
    turn += 1;
    pass(
      client,
      ports.map((_, index) => ports[(turn + index) % ports.length] ?? 0),
    );
  });
  const port = await freePort();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function pass(client: Socket, [port, ...others]: readonly number[]): void {
  if (port === undefined) return void client.destroy();
  const server = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const refused = () => pass(client, others);
  server.once("error", refused);
  server.once("connect", () => {
    server.off("error", refused);
    server.on("error", () => client.destroy());
    server.once("close", () => client.end());
    client.once("close", () => server.destroy());
    client.pipe(server);
    server.pipe(client);
  });
}
