import { afterEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import net from "node:net";
import {
  type InboundFixture,
  type OutboundFixture,
  startInbound,
  startOutbound,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";
import { Leg, type LegSocket } from "./leg.ts";
import { legHandlers, link } from "./pump.ts";

const MEBIBYTE = 1 << 20;

let pair: { readonly inbound: InboundFixture; readonly outbound: OutboundFixture } | undefined;
afterEach(async () => {
  await pair?.outbound.close();
  await pair?.inbound.close();
  pair = undefined;
});

/** A client's proxy and a server's, mTLS or plaintext between them, and a client that has dialled. */
async function dial(tls: boolean, handle: (socket: net.Socket) => void): Promise<net.Socket> {
  const inbound = await startInbound({ mode: tls ? "strict" : "disable", handle });
  const outbound = await startOutbound(inbound, { tls });
  pair = { inbound, outbound };
  const client = net.connect({ port: outbound.port, host: outbound.address, allowHalfOpen: true });
  client.on("error", () => undefined);
  return client;
}

const ended = (socket: net.Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.on("end", () => resolve("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("close", () => resolve("closed"));
  });

for (const tls of [true, false])
  describe(`a stream through two proxies, ${tls ? "mTLS" : "plaintext"} between them`, () => {
    test("what the client sends before the server is connected arrives, in order and once", async () => {
      const client = await dial(tls, (socket) => socket.pipe(socket));
      const words = Array.from({ length: 200 }, (_, index) => `word ${index};`);
      for (const word of words) client.write(word);
      let received = "";
      client.on("data", (chunk) => {
        received += chunk.toString();
      });
      await until(() => received.length >= words.join("").length);
      expect(received).toBe(words.join(""));
    });

    test("the client ends first: the server's answer to the end still arrives", async () => {
      const client = await dial(tls, (socket) => {
        let size = 0;
        socket.on("data", (chunk) => {
          size += chunk.length;
        });
        socket.on("end", () => socket.end(`got ${size}`));
      });
      client.end(Buffer.alloc(100_000));
      let received = "";
      client.on("data", (chunk) => {
        received += chunk.toString();
      });
      expect(await ended(client)).toBe("FIN");
      expect(received).toBe("got 100000");
      for (const { nextRecord } of [pair?.inbound, pair?.outbound].filter((each) => each !== undefined))
        expect(await nextRecord()).toMatchObject({ open: false, bytesReceived: 100_000, bytesSent: 10 });
    });

    test("the server ends first: the client can still send", async () => {
      const client = await dial(tls, (socket) => {
        socket.end("bye");
      });
      client.write("x");
      expect(await ended(client.resume())).toBe("FIN");
      client.end("still here");
      await until(() => pair?.inbound.application.received().toString() === "xstill here");
      expect(await pair?.outbound.nextRecord()).toMatchObject({ open: false, bytesSent: 3, bytesReceived: 11 });
      expect(await pair?.inbound.nextRecord()).toMatchObject({ open: false, bytesSent: 3, bytesReceived: 11 });
    });

    test("16 MiB both ways at once arrive unchanged", async () => {
      const sent = Buffer.alloc(16 * MEBIBYTE);
      for (let at = 0; at < sent.length; at += 4) sent.writeUInt32LE(at, at);
      const client = await dial(tls, (socket) => socket.pipe(socket));
      const digest = createHash("sha256");
      let size = 0;
      client.on("data", (chunk) => {
        digest.update(chunk);
        size += chunk.length;
      });
      client.end(sent);
      expect(await ended(client)).toBe("FIN");
      expect(size).toBe(sent.length);
      expect(digest.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
    });

    test("a server that does not read stops its client; nothing is lost when it reads again", async () => {
      const total = 48 * MEBIBYTE;
      let server: net.Socket | undefined;
      const client = await dial(tls, (socket) => {
        socket.pause();
        server = socket;
      });
      client.end(Buffer.alloc(total, 1));
      await until(() => server !== undefined);
      const taken = () => pair?.outbound.proxy.dump().connections[0]?.bytesReceived ?? 0;
      for (let last = -1; last !== taken(); ) {
        last = taken();
        for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      // What the kernel's buffers hold, of three connections; far from everything.
      expect(taken()).toBeLessThan(total / 2);
      let size = 0;
      server?.on("data", (chunk) => {
        size += chunk.length;
      });
      server?.resume();
      if (server) expect(await ended(server)).toBe("FIN");
      expect(size).toBe(total);
    });

    test("a reset of the client reaches the server as a reset", async () => {
      let serverEnd: Promise<string> | undefined;
      const client = await dial(tls, (socket) => {
        serverEnd = ended(socket);
        socket.write("go");
      });
      await new Promise((resolve) => client.once("data", resolve));
      client.resetAndDestroy();
      await until(() => serverEnd !== undefined);
      expect(await serverEnd).toBe("ECONNRESET");
      expect(await pair?.inbound.nextRecord()).toMatchObject({ open: false });
      expect(await pair?.outbound.nextRecord()).toMatchObject({ open: false });
    });

    test("a reset of the server reaches the client as a reset", async () => {
      const client = await dial(tls, (socket) => socket.once("data", () => socket.resetAndDestroy()));
      client.write("go");
      expect(await ended(client)).toBe("ECONNRESET");
      expect(await pair?.inbound.nextRecord()).toMatchObject({ open: false });
      expect(await pair?.outbound.nextRecord()).toMatchObject({ open: false });
    });
  });

test("a client that gives up while its server is being dialled leaves no connection behind", async () => {
  const inbound = await startInbound({ mode: "strict" });
  const outbound = await startOutbound(inbound);
  pair = { inbound, outbound };
  for (let round = 0; round < 20; round++) {
    const client = net.connect({ port: outbound.port, host: outbound.address });
    client.on("error", () => undefined);
    await new Promise((resolve) => client.once("connect", resolve));
    client.resetAndDestroy();
  }
  await until(() => outbound.records.length === 20);
  await until(() => outbound.proxy.dump().connections.every(({ open }) => !open));
  await until(() => inbound.proxy.dump().connections.every(({ open }) => !open));
});

describe("memory of a large chunk", () => {
  const LARGE = 32_768;

  /** Two joined legs; the socket of the second takes so many bytes at each write. */
  function join(taken: number) {
    const owner = { onClosed: () => undefined };
    const [from, to] = [new Leg(owner, 1024), new Leg(owner, 1024)];
    const written: Buffer[] = [];
    const ignore = (): void => undefined;
    const socketOf = (leg: Leg) => ({ data: leg, pause: ignore, resume: ignore, terminate: ignore }) as never;
    to.socket = {
      write(bytes: Uint8Array) {
        written.push(Buffer.from(bytes.subarray(0, taken)));
        return Math.min(taken, bytes.length);
      },
    } as unknown as LegSocket;
    from.socket = socketOf(from);
    link(from, to);
    return {
      to,
      written: () => Buffer.concat(written),
      comes: (chunk: Buffer) => legHandlers.data(socketOf(from), chunk),
      drains: () => legHandlers.drain(Object.assign(to.socket as object, { data: to }) as never),
    };
  }
  const chunkOf = (length: number, all = length) => Buffer.from(new ArrayBuffer(all), 0, length).fill("x");
  const isFreed = ({ buffer }: Uint8Array): boolean => (buffer as ArrayBuffer).detached;

  test("is given back when it has been written", () => {
    const { comes, written } = join(LARGE);
    const chunk = chunkOf(LARGE);
    comes(chunk);
    expect([isFreed(chunk), written().equals(chunkOf(LARGE))]).toEqual([true, true]);
  });

  test("is given back of what had to wait, too, and what waits arrives whole", () => {
    const { comes, written, drains, to } = join(LARGE);
    comes(chunkOf(3 * LARGE));
    const [waiting = Buffer.alloc(0)] = to.queue;
    drains();
    expect(isFreed(waiting)).toBe(false);
    drains();
    expect([isFreed(waiting), to.queue, written().equals(chunkOf(3 * LARGE))]).toEqual([true, [], true]);
  });

  test("is left to the collector of a small one, and of a part of something larger", () => {
    const { comes } = join(LARGE);
    for (const chunk of [chunkOf(LARGE - 1), chunkOf(LARGE, LARGE + 1)]) {
      comes(chunk);
      expect(isFreed(chunk)).toBe(false);
    }
  });
});
