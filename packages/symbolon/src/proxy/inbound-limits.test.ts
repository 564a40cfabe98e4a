import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { createFakeClock } from "@symbolon/spiffe/testing";
import {
  captureClientHello,
  type InboundFixture,
  MESH,
  startInbound,
  talk,
  tlsClient,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";

const CLIENT = MESH.issue("/ns/foo/sa/client");
const ISTIO = { ALPNProtocols: ["istio"] };

let server: InboundFixture | undefined;
const sockets: net.Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
});

async function start(options: Parameters<typeof startInbound>[0]): Promise<InboundFixture> {
  server = await startInbound(options);
  return server;
}

function connect(to: InboundFixture): net.Socket {
  const socket = net.connect(to.port, to.address);
  socket.on("error", () => undefined);
  sockets.push(socket);
  return socket;
}

const live = (inbound: InboundFixture) => inbound.proxy.dump().connections.filter(({ open }) => open);

describe("detection waits 5 s for a first byte", () => {
  test("PERMISSIVE: then it is plaintext, so that a server-first protocol works", async () => {
    const clock = createFakeClock();
    const inbound = await start({ clock, handle: (socket) => socket.end("220 ready\r\n") });
    const answer = talk(connect(inbound), undefined, 11);
    await until(() => live(inbound).length === 1);
    await clock.advance(4900);
    expect(inbound.application.connections).toEqual([]);
    await clock.advance(200);
    expect((await answer).received.toString()).toBe("220 ready\r\n");
    expect(await inbound.nextRecord()).toMatchObject({ security: "plaintext" });
  });

  test("STRICT: then it is refused", async () => {
    const clock = createFakeClock();
    const inbound = await start({ clock, mode: "strict", handle: (socket) => socket.write("220 ready\r\n") });
    const answer = talk(connect(inbound), undefined, 11);
    await until(() => live(inbound).length === 1);
    await clock.advance(4900);
    expect(live(inbound).length).toBe(1);
    await clock.advance(200);
    expect((await answer).end).toBe("ECONNRESET");
    expect(await inbound.nextRecord()).toMatchObject({
      reason: "detection_timeout",
      detail: "no byte within 5000 ms",
    });
    expect(inbound.application.connections).toEqual([]);
  });

  for (const mode of ["permissive", "strict"] as const)
    test(`half a ClientHello is nobody's plaintext (${mode.toUpperCase()})`, async () => {
      const clock = createFakeClock();
      const inbound = await start({ clock, mode });
      const hello = await captureClientHello(ISTIO);
      const answer = talk(connect(inbound), hello.subarray(0, 700), 1);
      await until(() => inbound.proxy.dump().connections[0]?.bytesReceived === 700);
      await clock.advance(5100);
      expect((await answer).end).toBe("ECONNRESET");
      expect(await inbound.nextRecord()).toMatchObject({
        reason: "detection_timeout",
        detail: "no whole ClientHello within 5000 ms",
      });
      expect(inbound.application.connections).toEqual([]);
    });

  test("a caller that goes away meanwhile is on record, and its deadline does nothing", async () => {
    const clock = createFakeClock();
    const inbound = await start({ clock });
    const client = connect(inbound);
    await until(() => live(inbound).length === 1);
    client.resetAndDestroy();
    expect(await inbound.nextRecord()).toMatchObject({ reason: "closed_early", security: "none" });
    await clock.advance(6000);
    expect(inbound.application.connections).toEqual([]);
    expect(inbound.records.length).toBe(1);
  });
});

describe("a ClientHello in pieces", () => {
  test("is put together, byte by byte", async () => {
    const inbound = await start({ mode: "strict" });
    const hello = await captureClientHello(ISTIO);
    const client = connect(inbound);
    client.setNoDelay(true);
    const answer = new Promise<Buffer>((resolve) => client.once("data", resolve));
    for (const [index, byte] of hello.entries()) {
      client.write(Buffer.from([byte]));
      if (index % 100 === 0) await until(() => inbound.proxy.dump().connections[0]?.bytesReceived === index + 1);
    }
    // ServerHello
    expect((await answer)[0]).toBe(22);
  });

  test("of the largest size that is read passes; with one byte less to read it is refused", async () => {
    const hello = await captureClientHello(ISTIO);
    for (const [clientHelloBytes, passes] of [
      [hello.length, true],
      [hello.length - 1, false],
    ] as const) {
      const inbound = await start({ mode: "strict", limits: { clientHelloBytes } });
      const { received, end } = await talk(connect(inbound), hello, 1);
      expect({ passes: received.length > 0, end }).toEqual({ passes, end: passes ? "enough" : "ECONNRESET" });
      expect((await inbound.nextRecord()).reason).toBe(passes ? "handshake_failed" : "client_hello_too_large");
      await inbound.close();
    }
  });
});

describe("handshakes", () => {
  test("that take more than 5 s are ended", async () => {
    const clock = createFakeClock();
    const inbound = await start({ clock, mode: "strict" });
    const client = connect(inbound);
    client.write(await captureClientHello(ISTIO));
    await new Promise((resolve) => client.once("data", resolve));
    const closed = new Promise((resolve) => client.once("close", resolve));
    await clock.advance(4900);
    expect(live(inbound).length).toBe(1);
    await clock.advance(200);
    await closed;
    expect(await inbound.nextRecord()).toMatchObject({ reason: "handshake_timeout" });
    expect(inbound.application.connections).toEqual([]);
  });

  test("as many as the limit may be under way, one more is refused, and one that ends makes room", async () => {
    const inbound = await start({ mode: "strict", limits: { concurrentHandshakes: 2 } });
    const hello = await captureClientHello(ISTIO);
    const waiting = [connect(inbound), connect(inbound)];
    for (const client of waiting) {
      client.write(hello);
      await new Promise((resolve) => client.once("data", resolve));
    }
    expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.length).toBe(0);
    expect(await inbound.nextRecord()).toMatchObject({
      reason: "limit_exceeded",
      detail: "2 handshakes are under way",
    });
    waiting[0]?.destroy();
    expect(await inbound.nextRecord()).toMatchObject({ reason: "handshake_failed" });
    expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.toString()).toBe("hello");
    expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.toString()).toBe("hello");
  });

  test("without an identity of our own: refused, and plaintext still passes under PERMISSIVE", async () => {
    const inbound = await start({});
    inbound.identity.set(undefined);
    expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.length).toBe(0);
    expect(await inbound.nextRecord()).toMatchObject({ reason: "no_identity" });
    expect((await talk(connect(inbound), "hello", 5)).received.toString()).toBe("hello");
  });
});

describe("connections of one address", () => {
  test("as many as the limit pass, one more is refused, and one that ends makes room", async () => {
    const inbound = await start({ limits: { connectionsPerAddress: 2 } });
    const kept = [connect(inbound), connect(inbound)];
    for (const client of kept) {
      client.write("x");
      await new Promise((resolve) => client.once("data", resolve));
    }
    expect((await talk(connect(inbound), "x", 1)).end).toBe("ECONNRESET");
    expect(await inbound.nextRecord()).toMatchObject({
      reason: "limit_exceeded",
      detail: "127.0.0.1 has more than 2 connections",
    });
    // Another address is not concerned.
    const other = net.connect({ port: inbound.port, host: inbound.address, localAddress: "127.0.0.77" });
    expect((await talk(other, "x", 1)).received.toString()).toBe("x");
    kept[0]?.destroy();
    await until(() => live(inbound).length === 1);
    expect((await talk(connect(inbound), "x", 1)).received.toString()).toBe("x");
  });
});

test("an application that does not listen: the caller sees a reset, the record why", async () => {
  const inbound = await start({ mode: "disable" });
  await inbound.application.close();
  expect((await talk(connect(inbound), "x", 1)).end).toBe("ECONNRESET");
  expect(await inbound.nextRecord()).toMatchObject({
    reason: "connect_failed",
    detail: expect.stringContaining(`${inbound.application.address}:${inbound.port}`),
  });
});
