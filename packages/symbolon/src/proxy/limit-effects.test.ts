/** Limits of connections (SR-50): what is at the limit passes, what is above it meets the effect, and that is counted. */
import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import {
  captureClientHello,
  type InboundFixture,
  type ProxyFixture,
  startApplication,
  startInbound,
  startOutbound,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";
import { HTTP_LIMITS } from "./http-limits.ts";
import { PROXY_LIMITS } from "./ports.ts";
import { SWEEP_MS } from "./sweeper.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET = "GET / HTTP/1.1\r\nHost: s\r\n\r\n";
const HTTP = { http: {}, protocol: "http" } as const;
const answering = (socket: net.Socket): void => void socket.on("data", () => socket.write(OK));
const silent = (): void => undefined;
/** What is swept is looked at twice a second, and its time is as old as the sweep before. */
const COARSE_MS = 2 * SWEEP_MS + 200;

async function serve(options: Parameters<typeof startInbound>[0]): Promise<InboundFixture & { clock: FakeClock }> {
  const clock = createFakeClock(new Date());
  const server = await startInbound({ clock, ...options });
  closing.push(() => server.close());
  return { ...server, clock };
}

interface Client {
  readonly socket: net.Socket;
  readonly text: () => string;
  readonly ended: () => boolean;
}

function connect({ address, port }: { readonly address: string; readonly port: number }, send?: string): Client {
  let text = "";
  let ended = false;
  const socket = net.connect({ host: address, port, allowHalfOpen: true });
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    ended = true;
  });
  if (send !== undefined) socket.write(send);
  closing.push(() => socket.destroy());
  return { socket, text: () => text, ended: () => ended };
}

const received = ({ proxy }: ProxyFixture): number =>
  proxy.dump().connections.reduce((total, { bytesReceived }) => total + bytesReceived, 0);
const isOpen = ({ proxy }: ProxyFixture): boolean => proxy.dump().connections.some(({ open }) => open);
/** Nothing that has been sent is still on its way. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

/** Nothing happens as long as the limit lasts, and it happens then. */
async function lasts(fixture: ProxyFixture, clock: FakeClock, limitMs: number, unchanged: () => boolean) {
  await clock.advance(limitMs - 200);
  await settle();
  expect(fixture.limitsReached).toEqual([]);
  expect(unchanged()).toBe(true);
  await clock.advance(COARSE_MS);
  await until(() => !unchanged());
}

/** An answer of 64 MiB, as fast as it is taken. */
function pour(socket: net.Socket): void {
  const part = Buffer.alloc(1 << 18);
  let parts = 256;
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${parts * part.length}\r\n\r\n`);
  const more = (): void => {
    while (parts-- > 0) if (!socket.write(part)) return void socket.once("drain", more);
  };
  more();
}

type LimitTest = () => Promise<readonly string[]>;

/** Each answers the limits that were counted. */
const EFFECTS: Record<keyof typeof PROXY_LIMITS | keyof typeof HTTP_LIMITS, LimitTest> = {
  async detectionMs() {
    const server = await serve({});
    connect(server);
    await until(() => isOpen(server));
    await lasts(server, server.clock, PROXY_LIMITS.detectionMs, () => server.application.connections.length === 0);
    return server.limitsReached;
  },

  async clientHelloBytes() {
    const hello = await captureClientHello({ ALPNProtocols: ["istio"] });
    const passes = await serve({ mode: "strict", limits: { clientHelloBytes: hello.length } });
    const greeted = connect(passes);
    greeted.socket.write(hello);
    await until(() => greeted.text().length > 0);
    expect(passes.limitsReached).toEqual([]);
    const server = await serve({ mode: "strict", limits: { clientHelloBytes: hello.length - 1 } });
    connect(server).socket.write(hello);
    expect((await server.nextRecord()).reason).toBe("client_hello_too_large");
    return server.limitsReached;
  },

  async handshakeMs() {
    const server = await serve({ mode: "strict" });
    const client = connect(server);
    client.socket.write(await captureClientHello({ ALPNProtocols: ["istio"] }));
    await until(() => client.text().length > 0);
    await lasts(server, server.clock, PROXY_LIMITS.handshakeMs, () => isOpen(server));
    expect((await server.nextRecord()).reason).toBe("handshake_timeout");
    return server.limitsReached;
  },

  async concurrentHandshakes() {
    const server = await serve({ mode: "strict", limits: { concurrentHandshakes: 1 } });
    const hello = await captureClientHello({ ALPNProtocols: ["istio"] });
    const first = connect(server);
    first.socket.write(hello);
    await until(() => first.text().length > 0);
    expect(server.limitsReached).toEqual([]);
    connect(server).socket.write(hello);
    expect((await server.nextRecord()).reason).toBe("limit_exceeded");
    return server.limitsReached;
  },

  async connectMs() {
    const clock = createFakeClock(new Date());
    const endpoint = await startApplication("127.62.0.1", silent);
    closing.push(() => endpoint.close());
    const client = await startOutbound(endpoint, { clock });
    closing.push(() => client.close());
    connect(client, "x");
    await until(() => endpoint.connections.length === 1);
    await lasts(client, clock, PROXY_LIMITS.connectMs, () => isOpen(client));
    return client.limitsReached;
  },

  async connectionsPerAddress() {
    const server = await serve({ limits: { connectionsPerAddress: 1 } });
    const first = connect(server, "x");
    await until(() => first.text() === "x");
    expect(server.limitsReached).toEqual([]);
    connect(server, "x");
    expect((await server.nextRecord()).reason).toBe("limit_exceeded");
    return server.limitsReached;
  },

  async connections() {
    const server = await serve({ limits: { connections: 1 } });
    const first = connect(server, "x");
    await until(() => first.text() === "x");
    expect(server.limitsReached).toEqual([]);
    const elsewhere = net.connect({ host: server.address, port: server.port, localAddress: "127.0.0.78" });
    elsewhere.on("error", () => undefined);
    expect((await server.nextRecord()).reason).toBe("limit_exceeded");
    // What is open goes on.
    first.socket.write("y");
    await until(() => first.text() === "xy");
    return server.limitsReached;
  },

  async earlyBytes() {
    const endpoint = await startApplication("127.62.0.2", silent);
    closing.push(() => endpoint.close());
    const client = await startOutbound(endpoint, { limits: { earlyBytes: 1000 } });
    closing.push(() => client.close());
    const { socket } = connect(client, "x".repeat(999));
    await until(() => received(client) === 999);
    expect(client.limitsReached).toEqual([]);
    socket.write("x");
    await until(() => received(client) === 1000);
    socket.write("x".repeat(1000));
    await settle();
    expect(received(client)).toBe(1000);
    return client.limitsReached;
  },

  async requestHeadMs() {
    const server = await serve(HTTP);
    const client = connect(server, "GET / HTTP/1.1\r\nHo");
    await until(() => received(server) > 0);
    await lasts(server, server.clock, HTTP_LIMITS.requestHeadMs, () => client.text() === "");
    expect(client.text()).toStartWith("HTTP/1.1 408 ");
    return server.limitsReached;
  },

  async requestIdleMs() {
    const server = await serve({ ...HTTP, handle: silent });
    const client = connect(server, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nab");
    await until(() => server.application.received().length > 0);
    await lasts(server, server.clock, HTTP_LIMITS.requestIdleMs, () => client.text() === "");
    expect(client.text()).toStartWith("HTTP/1.1 408 ");
    return server.limitsReached;
  },

  async responseIdleMs() {
    const server = await serve({ ...HTTP, handle: silent });
    const client = connect(server, GET);
    await until(() => server.application.received().length > 0);
    await lasts(server, server.clock, HTTP_LIMITS.responseIdleMs, () => client.text() === "");
    expect(client.text()).toStartWith("HTTP/1.1 504 ");
    return server.limitsReached;
  },

  async keepAliveMs() {
    const server = await serve({
      protocol: "http",
      http: { limits: { keepAliveMs: 5000, applicationKeepAliveMs: 60_000 } },
      handle: answering,
    });
    const client = connect(server, GET);
    client.socket.on("end", () => client.socket.end());
    await until(() => client.text() === OK);
    await lasts(server, server.clock, 5000, () => !client.ended());
    return server.limitsReached;
  },

  async drainIdleMs() {
    const server = await serve({ ...HTTP, handle: answering, http: { limits: { applicationKeepAliveMs: 60_000 } } });
    const client = connect(server, GET);
    client.socket.on("end", () => client.socket.end());
    await until(() => client.text() === OK);
    void server.proxy.drain(60_000);
    await lasts(server, server.clock, HTTP_LIMITS.drainIdleMs, () => !client.ended());
    return server.limitsReached;
  },

  async stalledBytes() {
    const client = async (stalledBytes: number) => {
      const server = await serve({
        protocol: "http",
        http: { limits: { stalledBytes } },
        handle: (socket) => socket.once("data", () => pour(socket)),
      });
      connect(server, GET).socket.pause();
      await until(() => server.application.connections.length === 1);
      await settle();
      await server.clock.advance(5 * SWEEP_MS);
      await settle();
      return server;
    };
    const much = await client(HTTP_LIMITS.stalledBytes);
    expect([isOpen(much), much.limitsReached]).toEqual([true, []]);
    const server = await client(1);
    expect(isOpen(server)).toBe(false);
    return server.limitsReached;
  },

  async writeIdleMs() {
    const server = await serve({ ...HTTP, handle: (socket) => socket.once("data", () => pour(socket)) });
    connect(server, GET).socket.pause();
    await until(() => server.application.connections.length === 1);
    await settle();
    await lasts(server, server.clock, HTTP_LIMITS.writeIdleMs, () => isOpen(server));
    expect(server.requests).toMatchObject([{ status: 200, flags: ["SI"] }]);
    return server.limitsReached;
  },

  async lingerMs() {
    const server = await serve(HTTP);
    const client = connect(server, "garbage\r\n\r\n");
    await until(() => client.text().startsWith("HTTP/1.1 400 "));
    await lasts(server, server.clock, HTTP_LIMITS.lingerMs, () => isOpen(server));
    return server.limitsReached;
  },

  async applicationKeepAliveMs() {
    const server = await serve({ ...HTTP, handle: answering });
    const client = connect(server, GET);
    await until(() => client.text() === OK);
    const [application] = server.application.connections;
    await lasts(server, server.clock, HTTP_LIMITS.applicationKeepAliveMs, () => application?.closed === false);
    return server.limitsReached;
  },

  async peerKeepAliveMs() {
    const server = await startInbound({ ...HTTP, mode: "strict", handle: answering });
    closing.push(() => server.close());
    const clock = createFakeClock(new Date());
    const outbound = await startOutbound(server, { ...HTTP, clock });
    closing.push(() => outbound.close());
    const client = connect(outbound, GET);
    await until(() => client.text() === OK);
    await lasts(outbound, clock, HTTP_LIMITS.peerKeepAliveMs, () => isOpen(server));
    return outbound.limitsReached;
  },

  async idleUpstreamsPerTarget() {
    const waiting: net.Socket[] = [];
    const server = await serve({
      protocol: "http",
      http: { limits: { idleUpstreamsPerTarget: 1, applicationKeepAliveMs: 60_000 } },
      handle: (socket) => socket.on("data", () => waiting.push(socket)),
    });
    const clients = [connect(server, GET), connect(server, GET)];
    await until(() => waiting.length === 2);
    waiting[0]?.write(OK);
    await until(() => clients.some(({ text }) => text() === OK));
    expect(server.limitsReached).toEqual([]);
    waiting[1]?.write(OK);
    await until(() => clients.every(({ text }) => text() === OK));
    await until(() => server.application.connections.filter(({ closed }) => !closed).length === 1);
    return server.limitsReached;
  },

  async upstreamsPerTarget() {
    const server = await serve({ protocol: "http", http: { limits: { upstreamsPerTarget: 1 } }, handle: silent });
    connect(server, GET);
    await until(() => server.application.received().length > 0);
    expect(server.limitsReached).toEqual([]);
    const second = connect(server, GET);
    await until(() => second.text().startsWith("HTTP/1.1 503 "));
    expect(server.requests).toMatchObject([{ status: 503, flags: ["UO"] }]);
    return server.limitsReached;
  },

  async interimResponses() {
    const { interimResponses } = HTTP_LIMITS;
    const interim = "HTTP/1.1 102 Processing\r\n\r\n";
    let count = interimResponses;
    const server = await serve({
      ...HTTP,
      handle: (socket) => socket.on("data", () => socket.write(interim.repeat(count) + OK)),
    });
    const client = connect(server, GET);
    await until(() => client.text().endsWith(OK));
    expect(server.limitsReached).toEqual([]);
    count++;
    client.socket.write(GET);
    await until(() => server.requests.length === 2);
    expect(server.requests[1]).toMatchObject({ status: 502, flags: ["UPE"] });
    return server.limitsReached;
  },

  async concurrentRequests() {
    let answer: (() => void) | undefined;
    const server = await serve({
      protocol: "http",
      http: { limits: { concurrentRequests: 1 } },
      handle: (socket) =>
        socket.on("data", () => {
          answer = () => void socket.write(OK);
        }),
    });
    const first = connect(server, GET);
    await until(() => answer !== undefined);
    expect(server.limitsReached).toEqual([]);
    const second = connect(server, GET.replace("GET /", "GET /?t=eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln&u="));
    await until(() => second.text().startsWith("HTTP/1.1 503 "));
    expect(server.requests).toMatchObject([
      { status: 503, flags: ["OM"], path: expect.stringContaining("?t=(token)&u=") },
    ]);
    // What is under way goes on, and makes room.
    answer?.();
    await until(() => first.text() === OK);
    answer = undefined;
    second.socket.write(GET);
    await until(() => answer !== undefined);
    return server.limitsReached;
  },

  async outboundDetectionMs() {
    const clock = createFakeClock(new Date());
    const server = await startInbound({
      protocol: "auto",
      mode: "strict",
      http: {},
      handle: (socket) => socket.write("220 hello\r\n"),
    });
    closing.push(() => server.close());
    const outbound = await startOutbound(server, { protocol: "auto", http: {}, clock });
    closing.push(() => outbound.close());
    const client = connect(outbound);
    await until(() => isOpen(outbound));
    await lasts(outbound, clock, HTTP_LIMITS.outboundDetectionMs, () => client.text() === "");
    expect(client.text()).toBe("220 hello\r\n");
    return outbound.limitsReached;
  },

  async detectionBytes() {
    const server = await serve({ protocol: "auto", http: { limits: { detectionBytes: 100 } } });
    const client = connect(server, `FOO ${"x".repeat(95)}`);
    await until(() => received(server) === 99);
    await settle();
    expect(server.application.connections).toEqual([]);
    client.socket.write("x");
    await until(() => client.text().length === 100);
    return server.limitsReached;
  },
};

describe("limits of connections (SR-50)", () => {
  test("every one has a test here", () => {
    expect(Object.keys(EFFECTS).sort()).toEqual([...Object.keys(PROXY_LIMITS), ...Object.keys(HTTP_LIMITS)].sort());
  });

  for (const [name, effect] of Object.entries(EFFECTS))
    test(`${name}: passes at the limit, not above it, and is counted once`, async () => {
      expect(await effect()).toEqual([name]);
    });
});

test("limits of messages are counted by the same hook, in requests and in responses", async () => {
  const server = await serve({
    ...HTTP,
    handle: (socket) => socket.on("data", () => socket.write(`HTTP/1.1 200 ${"r".repeat(2000)}\r\n\r\n`)),
  });
  const refused = connect(server, `GET /${"a".repeat(8192)} HTTP/1.1\r\nHost: s\r\n\r\n`);
  await until(() => refused.text().startsWith("HTTP/1.1 414 "));
  const answered = connect(server, GET);
  await until(() => answered.text().startsWith("HTTP/1.1 502 "));
  expect(server.limitsReached).toEqual(["targetBytes", "reasonBytes"]);
});
