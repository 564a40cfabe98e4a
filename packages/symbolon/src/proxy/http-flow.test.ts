/** Back-pressure, bounds and life of connections of the HTTP path, over real sockets. */
import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { systemClock } from "@symbolon/spiffe/core";
import {
  CLIENT_ID,
  type InboundFixture,
  MESH,
  proxyIdentity,
  SERVER_ID,
  startInbound,
  startOutbound,
  talk,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const MEBIBYTE = 1 << 20;
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET = "GET / HTTP/1.1\r\nHost: s\r\n\r\n";
const LAST = "GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";

async function startServer(
  handle: (socket: net.Socket) => void,
  options: Parameters<typeof startInbound>[0] = {},
): Promise<InboundFixture> {
  const server = await startInbound({ http: {}, protocol: "http", ...options, handle });
  closing.push(() => server.close());
  return server;
}

/** Does nothing for so long: what would go on without end has time to. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

describe("back-pressure", () => {
  test("a client that does not read stops the application's answer; then it gets all of it", async () => {
    const size = 64 * MEBIBYTE;
    const content = Buffer.alloc(size, "0123456789abcdefghi-");
    let written = 0;
    const server = await startServer((socket) => {
      const more = (): void => {
        while (written < size) {
          const part = content.subarray(written, written + 256 * 1024);
          written += part.length;
          if (!socket.write(part)) return void socket.once("drain", more);
        }
      };
      socket.once("data", () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        more();
      });
    });
    const socket = net.connect({ host: server.address, port: server.port });
    socket.pause();
    socket.write(GET);
    await until(() => written > 0);
    await settle();
    expect(written).toBeLessThan(32 * MEBIBYTE);
    const hash = new Bun.CryptoHasher("sha256");
    let got = 0;
    let head = true;
    socket.on("data", (chunk) => {
      const body = head ? chunk.subarray(chunk.indexOf("\r\n\r\n") + 4) : chunk;
      head = false;
      got += body.length;
      hash.update(body);
    });
    socket.resume();
    await until(() => got >= size);
    socket.destroy();
    expect(hash.digest("hex")).toBe(new Bun.CryptoHasher("sha256").update(content).digest("hex"));
  });

  test("an application that does not read stops the client's request; then it gets all of it", async () => {
    const size = 64 * MEBIBYTE;
    let application: net.Socket | undefined;
    let got = 0;
    const server = await startServer((socket) => {
      application = socket;
      socket.pause();
      socket.on("data", (chunk) => {
        got += chunk.length;
        if (got >= size) socket.write(OK);
      });
      socket.pause();
    });
    const socket = net.connect({ host: server.address, port: server.port });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    const part = Buffer.alloc(256 * 1024, "x");
    let written = 0;
    socket.write(`POST / HTTP/1.1\r\nHost: s\r\nContent-Length: ${size}\r\n\r\n`);
    const more = (): void => {
      while (written < size) {
        written += part.length;
        if (!socket.write(part)) return void socket.once("drain", more);
      }
    };
    more();
    await until(() => application !== undefined);
    await settle();
    expect(written).toBeLessThan(32 * MEBIBYTE);
    application?.resume();
    await until(() => answer.endsWith("ok"));
    socket.destroy();
    expect(server.application.received().length).toBeGreaterThan(size);
  });

  test("requests sent without reading answers are not all taken at once", async () => {
    let requests = 0;
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${MEBIBYTE}\r\n\r\n${"x".repeat(MEBIBYTE)}`;
    const server = await startServer((socket) =>
      socket.on("data", () => {
        requests++;
        socket.write(answer);
      }),
    );
    const socket = net.connect({ host: server.address, port: server.port });
    socket.pause();
    socket.write(GET.repeat(500));
    await until(() => requests > 0);
    await settle();
    socket.destroy();
    expect(requests).toBeLessThan(50);
  });

  test("1 MiB in chunks of one byte arrives (CV-84)", async () => {
    let seen = "";
    const server = await startServer((socket) =>
      socket.on("data", (chunk) => {
        seen = (seen + chunk.toString("latin1")).slice(-100);
        if (seen.endsWith("0\r\n\r\n")) socket.write(OK);
      }),
    );
    const socket = net.connect({ host: server.address, port: server.port });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.write("POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n");
    socket.write("1\r\nx\r\n".repeat(MEBIBYTE));
    socket.write("0\r\n\r\n");
    await until(() => answer.endsWith("ok"));
    socket.destroy();
    expect(server.requests).toMatchObject([{ status: 200, requestBytes: MEBIBYTE }]);
  });

  test("10,000 bad requests in one go: one answer, and the connection ends (CV-09, CV-84)", async () => {
    const server = await startServer(() => undefined);
    const socket = net.connect({ host: server.address, port: server.port });
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("GET / HTTP/1.1\r\n\r\n".repeat(10_000));
    await closed;
    expect(answer.match(/HTTP\/1\.1 400/g)?.length).toBe(1);
    expect(server.requests.length).toBe(1);
  });
});

describe("kept connections", () => {
  const say = (to: { readonly address: string; readonly port: number }): Promise<string> =>
    new Promise((resolve) => {
      let text = "";
      const socket = net.connect({ host: to.address, port: to.port }, () => socket.write(GET));
      socket.on("data", (chunk) => {
        text += chunk.toString();
        if (text.endsWith("ok") || text.endsWith("unavailable\n")) socket.destroy();
      });
      socket.on("close", () => resolve(text)).on("error", () => undefined);
    });
  const answering = (socket: net.Socket): void => void socket.on("data", () => socket.write(OK));

  test("after a rotation new requests go over new connections, with the new certificate", async () => {
    const server = await startServer(answering, { mode: "strict" });
    const client = await startOutbound(server, { http: {}, protocol: "http" });
    closing.push(() => client.close());
    expect(await say(client)).toBe(OK);
    expect(await say(client)).toBe(OK);
    client.identity.set(proxyIdentity(MESH.issue("/ns/foo/sa/client")));
    expect(await say(client)).toBe(OK);
    await until(() => server.records.length > 0);
    const inbound = server.proxy.dump().connections;
    expect(inbound.map(({ peerSpiffeId }) => peerSpiffeId)).toEqual([CLIENT_ID, CLIENT_ID]);
    expect(new Set(inbound.map(({ peerSerial }) => peerSerial)).size).toBe(2);
  });

  test("a peer whose certificate has ended is told with its answer, and not asked again over what is kept (SR-49)", async () => {
    let ahead = 0;
    const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };
    const server = await startServer(answering, { mode: "strict", clock });
    const client = await startOutbound(server, { http: {}, protocol: "http" });
    const late = await startOutbound(server, { http: {}, protocol: "http", clock });
    closing.push(
      () => client.close(),
      () => late.close(),
    );
    expect(await say(client)).toBe(OK);
    expect(await say(late)).toBe(OK);
    ahead = 100 * 365 * 24 * 3_600_000;
    expect(await say(client)).toBe(OK);
    await until(() => server.records.length > 0);
    expect(server.records).toMatchObject([{ peerSpiffeId: CLIENT_ID, open: false }]);
    expect(await say(late)).toStartWith("HTTP/1.1 503 ");
    expect(late.requests.at(-1)).toMatchObject({ status: 503, flags: ["UF"] });
  });

  test("a server that may no longer serve is not asked again over the connection that it still has", async () => {
    const server = await startServer(answering, { mode: "strict" });
    const client = await startOutbound(server, { http: {}, protocol: "http" });
    closing.push(() => client.close());
    expect(await say(client)).toBe(OK);
    const config = client.config.current;
    if (!config) throw new Error("no configuration");
    const services = config.mesh.services.map((service) => ({
      ...service,
      ports: service.ports.map((port) => ({ ...port, expectedSpiffeIds: ["spiffe://mesh.example/ns/foo/sa/other"] })),
    }));
    client.config.set({ ...config, version: 2, mesh: { ...config.mesh, services } });
    expect(await say(client)).toStartWith("HTTP/1.1 503 ");
    expect(client.requests.at(-1)).toMatchObject({ status: 503, flags: ["UF"] });
    expect(client.requests.at(-1)?.detail).toContain(`answered as ${SERVER_ID}`);
    expect(server.requests.length).toBe(1);
  });

  test("an unused connection to the application is closed before the application would", async () => {
    let ended = 0;
    const server = await startServer(
      (socket) => {
        answering(socket);
        socket.on("close", () => {
          ended++;
        });
      },
      { http: { limits: { applicationKeepAliveMs: 1 } } },
    );
    expect(await say(server)).toBe(OK);
    await until(() => ended === 1);
    expect(await say(server)).toBe(OK);
    expect(server.application.connections.length).toBe(2);
  });

  test("a connection that the application has closed is not used", async () => {
    const server = await startServer((socket) => socket.on("data", () => socket.end(OK)));
    for (let round = 0; round < 5; round++) {
      expect(await say(server)).toBe(OK);
      await until(() => server.application.connections.every((socket) => socket.destroyed || socket.readableEnded));
    }
  });

  test("more connections to one endpoint than the limit: 503, UO", async () => {
    const server = await startServer(() => undefined, { http: { limits: { upstreamsPerTarget: 1 } } });
    const first = net.connect({ host: server.address, port: server.port }, () => first.write(GET));
    await until(() => server.application.connections.length === 1);
    expect(await say(server)).toStartWith("HTTP/1.1 503 ");
    expect(server.requests).toMatchObject([{ status: 503, flags: ["UO"] }]);
    first.destroy();
  });
});

describe("an answer whose end is the end of the connection", () => {
  const head = "HTTP/1.1 200 OK\r\n\r\n";
  const ask = async ({ address, port }: InboundFixture): Promise<string> =>
    (await talk(net.connect({ host: address, port }), LAST, Number.POSITIVE_INFINITY)).received.toString("latin1");

  test("ends with a FIN: the client gets all of it, and its end", async () => {
    const server = await startServer((socket) => socket.once("data", () => socket.end(`${head}all of it`)));
    expect(await ask(server)).toEndWith("\r\n9\r\nall of it\r\n0\r\n\r\n");
    expect(server.requests).toMatchObject([{ status: 200, flags: [] }]);
  });

  test("ends while its client does not read: nothing of it is missing", async () => {
    const content = "x".repeat(8 * MEBIBYTE);
    const server = await startServer((socket) => socket.once("data", () => socket.end(head + content)));
    const socket = net.connect({ host: server.address, port: server.port }, () => socket.write(LAST));
    socket.pause();
    await settle();
    const answer = talk(socket, undefined, Number.POSITIVE_INFINITY);
    socket.resume();
    const { received } = await answer;
    expect(received.toString("latin1")).toEndWith("x\r\n0\r\n\r\n");
    expect(server.requests).toMatchObject([{ status: 200, flags: [], responseBytes: content.length }]);
  });

  test("is cut by a reset: the client sees that something is missing", async () => {
    const server = await startServer((socket) =>
      socket.once("data", () => socket.write(`${head}half of it`, () => setImmediate(() => socket.resetAndDestroy()))),
    );
    expect(await ask(server)).not.toContain("\r\n0\r\n\r\n");
    expect(server.requests).toMatchObject([{ flags: ["UC"] }]);
  });
});

test("2,000 unused connections: nothing grows without bound, all end with the proxy", async () => {
  const server = await startServer((socket) => socket.on("data", () => socket.write(OK)), {
    limits: { connectionsPerAddress: 5000 },
  });
  const before = process.memoryUsage.rss();
  const sockets: net.Socket[] = [];
  for (let index = 0; index < 2000; index++) {
    const socket = net.connect({ host: server.address, port: server.port });
    socket.on("error", () => undefined);
    sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", () => socket.write(GET, resolve)));
    await new Promise((resolve) => socket.once("data", resolve));
  }
  // Both ends are in this process.
  expect((process.memoryUsage.rss() - before) / 2000).toBeLessThan(40 * 1024);
  const ends = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
  await server.proxy.drain(2000);
  await Promise.all(ends);
}, 20_000);
