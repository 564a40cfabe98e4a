/** Many connections, slow ones and large bodies, with the memory of the proxies printed and bounded (SR-50, SR-51). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { freeNetwork, startApplication, type TestApplication } from "../fakes/proxy-fixture.ts";
import { ask, GET, megabytes, OK, open, type ProxyProcess, percentile, startProxies } from "./start-proxies.ts";

const MEGABYTE = 1 << 20;
const PART = Buffer.alloc(MEGABYTE);

describe("many connections", () => {
  let application: TestApplication;
  let proxies: ProxyProcess;
  const largeLifetimes: number[] = [];
  beforeAll(async () => {
    application = await startApplication(`${freeNetwork()}.1`, (socket) => {
      socket.on("data", (chunk: Buffer) => {
        if (!chunk.toString("latin1").startsWith("GET /large")) return void socket.write(OK);
        const askedAt = performance.now();
        socket.on("close", () => largeLifetimes.push(performance.now() - askedAt));
        let rest = 64;
        const more = (): void => {
          while (rest-- > 0) if (!socket.write(PART)) return void socket.once("drain", more);
        };
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${rest * PART.length}\r\n\r\n`);
        more();
      });
    });
    proxies = await startProxies(application);
  });
  afterAll(async () => {
    await proxies.close();
    await application.close();
  });

  test("10,000 unused ones: at most 20 KB of memory each, and the next request is answered", async () => {
    const before = proxies.residentBytes();
    const sockets: net.Socket[] = [];
    for (let source = 1; source <= 10; source++)
      for (let batch = 0; batch < 10; batch++) {
        const opened = await Promise.all(Array.from({ length: 100 }, () => open(proxies.inbound, `127.0.1.${source}`)));
        await Promise.all(opened.map(ask));
        sockets.push(...opened);
      }
    const after = proxies.residentBytes();
    await ask(await open(proxies.outbound));
    const ended = sockets.filter(({ destroyed }) => destroyed).length;
    for (const socket of sockets) socket.destroy();
    console.log(
      `10,000 idle connections: ${megabytes(before)} before, ${megabytes(after)} with them, ${((after - before) / 10_000 / 1024).toFixed(1)} KiB each`,
    );
    expect(ended).toBe(0);
    expect((after - before) / 10_000).toBeLessThan(20 * 1024);
  });

  test("2,000 that send a byte a second and 500 that do not read: all ended within 15 s, others are served meanwhile", async () => {
    const client = await open(proxies.outbound);
    const baseline = await latencies(client, 200);
    const startedAt = performance.now();
    const slow: Promise<number>[] = [];
    const lifetime = (socket: net.Socket): Promise<number> => {
      const openedAt = performance.now();
      return new Promise((resolve) => socket.once("close", () => resolve(performance.now() - openedAt)));
    };
    const writers: net.Socket[] = [];
    const readers: net.Socket[] = [];
    for (let source = 1; source <= 20; source++) {
      const opened = await Promise.all(Array.from({ length: 100 }, () => open(proxies.inbound, `127.0.2.${source}`)));
      writers.push(...opened);
      for (const socket of opened) {
        slow.push(lifetime(socket));
        socket.resume();
      }
    }
    const head = `GET / HTTP/1.1\r\nHost: s\r\nX: ${"x".repeat(100)}`;
    let sent = 0;
    const drip = setInterval(() => {
      for (const socket of writers) if (socket.writable) socket.write(head[sent % head.length] ?? "");
      sent++;
    }, 1000);
    for (let source = 1; source <= 5; source++)
      for (const socket of await Promise.all(
        Array.from({ length: 100 }, () => open(proxies.inbound, `127.0.3.${source}`)),
      )) {
        socket.pause();
        socket.write(GET.replace("/", "/large"));
        readers.push(socket);
      }
    const during: number[] = [];
    while (performance.now() - startedAt < 13_000) during.push(...(await latencies(client, 20)));
    const peak = proxies.residentBytes();
    const lifetimes = await Promise.all(slow);
    // Who does not read does not notice; the application's side of each is ended as well.
    while (largeLifetimes.length < 500) await Bun.sleep(20);
    lifetimes.push(...largeLifetimes);
    for (const socket of readers) socket.destroy();
    clearInterval(drip);
    client.destroy();
    console.log(
      `2,000 slow writers and 500 that do not read: the longest lived ${(Math.max(...lifetimes) / 1000).toFixed(1)} s; ` +
        `p99 of others ${percentile(baseline, 0.99).toFixed(1)} ms before, ${percentile(during, 0.99).toFixed(1)} ms meanwhile (${during.length} requests); ${megabytes(peak)}`,
    );
    expect(Math.max(...lifetimes)).toBeLessThan(15_000);
    expect(during.length).toBeGreaterThan(100);
  });
});

async function latencies(socket: net.Socket, count: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (let each = 0; each < count; each++) {
    found.push(await ask(socket));
    await Bun.sleep(5);
  }
  return found;
}

test("1 GB in a request and 1 GB in its answer, at once, over mTLS: unchanged, in at most 150 MB", async () => {
  const chunk = randomBytes(MEGABYTE);
  const count = 1024;
  const size = count * MEGABYTE;
  const whole = createHash("sha256");
  for (let each = 0; each < count; each++) whole.update(chunk);
  const wanted = whole.digest("hex");
  const uploaded = createHash("sha256");
  const allUploaded = Promise.withResolvers<void>();
  let got = 0;
  // Not `startApplication`, which keeps everything that it receives.
  const server = net.createServer((socket) => {
    let head = true;
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => {
      const content = head ? data.subarray(data.indexOf("\r\n\r\n") + 4) : data;
      if (head) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        // A proxy does not wait for the rest of a request whose answer is complete (RFC 9112 §9.6): the last part comes last.
        void sendContent(socket, count - 1)
          .then(() => allUploaded.promise)
          .then(() => socket.write(chunk));
      }
      head = false;
      uploaded.update(content);
      got += content.length;
      if (got >= size) allUploaded.resolve();
    });
  });
  const sendContent = async (socket: net.Socket, parts: number): Promise<void> => {
    for (let sent = 0; sent < parts; sent++) if (!socket.write(chunk)) await once(socket, "drain");
  };
  const address = `${freeNetwork()}.1`;
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const proxies = await startProxies({ address, port: (server.address() as net.AddressInfo).port });
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, proxies.residentBytes());
  }, 100);
  try {
    const socket = await open(proxies.outbound);
    socket.write(`POST / HTTP/1.1\r\nHost: s\r\nContent-Length: ${size}\r\n\r\n`);
    const downloaded = createHash("sha256");
    let received = 0;
    let head = true;
    const over = new Promise<void>((resolve, reject) => {
      socket.on("close", () => reject(new Error(`the connection ended after ${received} bytes`)));
      socket.on("data", (data: Buffer) => {
        const body = head ? data.subarray(data.indexOf("\r\n\r\n") + 4) : data;
        head = false;
        received += body.length;
        downloaded.update(body);
        if (received >= size) resolve();
      });
    });
    await Promise.all([sendContent(socket, count), over]);
    socket.destroy();
    console.log(`1 GB each way: ${megabytes(peak)} of memory at most, both proxies together`);
    expect([received, got]).toEqual([size, size]);
    expect([downloaded.digest("hex"), uploaded.digest("hex")]).toEqual([wanted, wanted]);
    expect(peak).toBeLessThan(150 * MEGABYTE);
  } finally {
    clearInterval(watch);
    await proxies.close();
    server.close();
  }
});
