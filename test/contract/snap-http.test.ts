import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type Http, openHttp } from "../../src/gateway/snap/http.ts";
import { LARGEST_WINDOW } from "../../src/platform/in-flight-window.ts";
import { until } from "../../src/platform/timer.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  delete process.env["HTTP_PROXY"];
  for (const close of open.splice(0)) await close();
});

/** A server that hears bytes and answers as the test says, with nothing between the test and the socket. */
async function wire(onRequest: (socket: Socket, request: string, count: number) => void) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    let heard = "";
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      if (!isWhole(heard)) return;
      requests.push(heard);
      heard = "";
      onRequest(socket, requests.at(-1) ?? "", requests.length);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests };
}

function isWhole(heard: string): boolean {
  const [head, body] = heard.split("\r\n\r\n");
  const length = Number(/content-length: (\d+)/i.exec(head ?? "")?.[1] ?? Number.NaN);
  return body !== undefined && body.length >= length;
}

function line(baseUrl: string, timeoutMs = 5_000): Http {
  const http = openHttp({ baseUrl, timeoutMs });
  open.push(() => http.close());
  return http;
}

const SECRET = "top-secret-token";
const call = { path: "/pay?x=1", headers: { Authorization: `Bearer ${SECRET}` }, body: '{"a": "b  c"}' };

function answer(status: number, body: string, more = ""): string {
  return `HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
}

describe("proved never to have left", () => {
  test("a refused connection", async () => {
    const server = await wire(() => {});
    await open.pop()?.();
    const outcome = await line(server.url).post(call);
    expect(outcome).toMatchObject({ kind: "not_sent", cause: expect.stringContaining("ECONNREFUSED") });
  });

  test("a name that does not exist", async () => {
    expect((await line("http://no-such-host.invalid").post(call)).kind).toBe("not_sent");
  });

  test("a TLS handshake that fails, and one that never ends", async () => {
    const seen: string[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        seen.push(bytes.toString("latin1"));
        if (seen.length === 1) socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    open.push(() => server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await line(url).post(call)).kind).toBe("not_sent");
    expect((await line(url, 200).post(call)).kind).toBe("not_sent");
    expect(seen.join("")).not.toContain(SECRET);
  });

  test("a call that waited in line until its time was over is not sent later", async () => {
    const server = await wire(() => {});
    // Long enough to open all connections on a busy machine; half of it is what a call may wait in line.
    const http = line(server.url, 8_000);
    const outcomes = await Promise.all(Array.from({ length: LARGEST_WINDOW + 12 }, () => http.post(call)));
    const unsent = outcomes.filter((outcome) => outcome.kind === "not_sent").length;
    expect(unsent).toBe(12);
    expect(outcomes.filter((outcome) => outcome.kind === "no_answer")).toHaveLength(LARGEST_WINDOW);
    expect(server.requests).toHaveLength(LARGEST_WINDOW);
  });
});

describe("may have arrived", () => {
  test.each([
    ["a reset", (socket: Socket) => socket.resetAndDestroy()],
    ["a close without an answer", (socket: Socket) => socket.end()],
    ["a cut answer", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")],
    ["half a header", (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncont")],
    ["no HTTP at all", (socket: Socket) => socket.end("hello\r\n\r\n")],
    ["an endless answer", (socket: Socket) => socket.end(answer(200, "x".repeat(1024 * 1024 + 1)))],
  ])("%s", async (_name, behave) => {
    const server = await wire(behave);
    expect((await line(server.url).post(call)).kind).toBe("no_answer");
    expect(server.requests).toHaveLength(1);
  });

  test("silence", async () => {
    const server = await wire(() => {});
    const outcome = await line(server.url, 150).post(call);
    expect(outcome).toMatchObject({ kind: "no_answer", cause: expect.stringContaining("within 150 ms") });
  });

  test("an answer that starts and then hangs", async () => {
    const server = await wire((socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"));
    expect((await line(server.url, 150).post(call)).kind).toBe("no_answer");
  });

  test("a kept-alive socket that dies under the second request, which is not sent twice", async () => {
    const server = await wire((socket, _request, count) => {
      if (count === 1) socket.write(answer(200, "{}", "connection: keep-alive\r\n"));
      else socket.resetAndDestroy();
    });
    const http = line(server.url);
    expect((await http.post(call)).kind).toBe("answer");
    expect((await http.post(call)).kind).toBe("no_answer");
    expect(server.requests).toHaveLength(2);
  });
});

describe("a whole answer", () => {
  test.each([
    [200, '{"responseCode":"2005400"}'],
    [409, '{"responseCode":"2005400"}'],
    [500, '{"responseCode":"5005400"}'],
    [502, "<html>Bad Gateway</html>"],
    [200, '{"responseCode":"20054'],
    [401, ""],
  ])("HTTP %i with %s is handed over as it is", async (status, text) => {
    const server = await wire((socket) => socket.end(answer(status, text)));
    expect(await line(server.url).post(call)).toEqual({ kind: "answer", status, text });
  });

  test("a redirect is not followed", async () => {
    const stranger = await wire((socket) => socket.end(answer(200, "{}")));
    const server = await wire((socket) => socket.end(answer(302, "", `location: ${stranger.url}/steal\r\n`)));
    expect(await line(server.url).post(call)).toEqual({ kind: "answer", status: 302, text: "" });
    expect(stranger.requests).toEqual([]);
  });

  test("body and headers leave as they were signed, under the base address's own path", async () => {
    const server = await wire((socket) => socket.end(answer(200, "{}")));
    await line(`${server.url}/doku/`).post(call);
    const [head = "", body] = (server.requests[0] ?? "").split("\r\n\r\n");
    expect(body).toBe(call.body);
    expect(head).toMatch(/^POST \/doku\/pay\?x=1 HTTP\/1\.1\r\n/);
    expect(head).toMatch(/^content-type: application\/json$/im);
    expect(head).toMatch(new RegExp(`^authorization: Bearer ${SECRET}$`, "im"));
  });

  test("no header value can smuggle in a line of its own", async () => {
    const server = await wire((socket) => socket.end(answer(200, "{}")));
    await line(server.url).post({ ...call, headers: { "X-PARTNER-ID": "a\r\nX-Evil: b" } });
    expect(server.requests.join("")).not.toMatch(/^x-evil/im);
  });

  test("a proxy of the environment is not asked", async () => {
    process.env["HTTP_PROXY"] = "http://127.0.0.1:9";
    const server = await wire((socket) => socket.end(answer(200, "{}")));
    expect((await line(server.url).post(call)).kind).toBe("answer");
  });

  test("a connection is used again", async () => {
    const sockets = new Set<Socket>();
    const server = await wire((socket) => {
      sockets.add(socket);
      socket.write(answer(200, "{}"));
    });
    const http = line(server.url);
    for (let count = 0; count < 5; count += 1) await http.post(call);
    await until("five requests were heard", 1_000, async () => server.requests.length === 5);
    // The second one is opened while the first is still being put back.
    expect(sockets.size).toBeLessThanOrEqual(2);
  });
});

test("no outcome tells a token", async () => {
  const reset = await wire((socket) => socket.resetAndDestroy());
  const silent = await wire(() => {});
  const outcomes = [
    await line(reset.url).post(call),
    await line(silent.url, 100).post(call),
    await line("http://no-such-host.invalid").post(call),
  ];
  expect(JSON.stringify(outcomes)).not.toContain(SECRET);
});
