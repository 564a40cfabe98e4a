import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { createFakeClock, createTestAuthority } from "@symbolon/spiffe/testing";
import {
  type InboundFixture,
  keyPem,
  MESH,
  proxyIdentity,
  SERVER_ID,
  startInbound,
  startOutbound,
  talk,
  tlsClient,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";

const CLIENT = MESH.issue("/ns/foo/sa/client");

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof startInbound>[0] = {}): Promise<InboundFixture> {
  const inbound = await startInbound(options);
  closers.push(inbound.close);
  return inbound;
}

const mtls = (to: InboundFixture, svid = CLIENT) => {
  const client = tlsClient(to, { svid });
  client.on("error", () => undefined);
  closers.push(() => client.destroy());
  return client;
};

const echoed = (socket: net.Socket, word: string): Promise<string> => {
  socket.write(word);
  return new Promise((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
};

const reachable = (to: InboundFixture): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect(to.port, to.address);
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    closers.push(() => socket.destroy());
  });

describe("rotation", () => {
  test("of the own certificate: new handshakes show the new one, live connections go on", async () => {
    const inbound = await start({ mode: "strict" });
    const old = mtls(inbound);
    expect(await echoed(old, "before")).toBe("before");
    const next = MESH.issue("/ns/foo/sa/server");
    inbound.identity.set(proxyIdentity(next));
    const fresh = mtls(inbound);
    expect(await echoed(fresh, "new")).toBe("new");
    expect(serialOf(fresh)).toBe(next.serialNumber);
    expect(await echoed(old, "after")).toBe("after");
    expect(serialOf(old)).not.toBe(next.serialNumber);
    expect(inbound.records).toEqual([]);
    expect(inbound.proxy.dump().certificate?.serialNumber).toBe(next.leaf.serialNumberHex);
  });

  test("of the trust anchors: who chains to the removed one is refused at once, live connections go on", async () => {
    const successor = createTestAuthority("mesh.example");
    const server = MESH.issue("/ns/foo/sa/server");
    const inbound = await start({ mode: "strict" });
    const old = mtls(inbound);
    expect(await echoed(old, "before")).toBe("before");
    inbound.identity.set(proxyIdentity(server, successor));
    expect((await talk(mtls(inbound), "x", 1)).received.length).toBe(0);
    expect(await inbound.nextRecord()).toMatchObject({ reason: "peer_not_verified" });
    expect(await echoed(mtls(inbound, successor.issue("/ns/foo/sa/client")), "new")).toBe("new");
    expect(await echoed(old, "after")).toBe("after");
  });
});

describe("configuration", () => {
  test("none: nothing listens, and the proxy is not ready", async () => {
    const inbound = await start();
    expect([inbound.proxy.ready, await reachable(inbound)]).toEqual([true, true]);
    const without = await start({ identity: undefined });
    expect([without.proxy.ready, await reachable(without)]).toEqual([false, false]);
    // Nearest: a pod without sidecar needs no identity.
    const plain = await start({ identity: undefined, local: { sidecar: false } });
    expect([plain.proxy.ready, await reachable(plain)]).toEqual([true, true]);
  });

  test("an identity that comes later opens the listeners", async () => {
    const inbound = await start({ identity: undefined });
    inbound.identity.set(proxyIdentity(MESH.issue("/ns/foo/sa/server")));
    await until(() => inbound.proxy.ready);
    expect(await reachable(inbound)).toBe(true);
  });

  test("a stricter mode is in force for the next connection, and cuts no live one", async () => {
    const inbound = await start();
    const live = net.connect(inbound.port, inbound.address);
    closers.push(() => live.destroy());
    expect(await echoed(live, "before")).toBe("before");
    const { current } = inbound.config;
    if (current)
      inbound.config.set({
        ...current,
        version: 2,
        local: {
          ...current.local,
          inboundPorts: current.local.inboundPorts.map((rule) => ({ ...rule, mode: "strict" })),
        },
      });
    expect((await talk(net.connect(inbound.port, inbound.address), "x", 1)).end).toBe("ECONNRESET");
    expect(await echoed(live, "after")).toBe("after");
    expect(inbound.proxy.dump().configVersion).toBe(2);
  });

  test("a port that goes away is closed for new connections; a port that comes is opened", async () => {
    const inbound = await start();
    const { current } = inbound.config;
    if (!current) throw new Error("no configuration");
    const without = { ...current, version: 2, local: { ...current.local, inboundPorts: [] } };
    inbound.config.set({ ...without, mesh: { ...current.mesh, capturedPorts: [] } });
    expect(await reachable(inbound)).toBe(false);
    expect(inbound.proxy.dump().listeners).toEqual([]);
    inbound.config.set({ ...current, version: 3 });
    expect(await reachable(inbound)).toBe(true);
    expect(inbound.proxy.dump().listeners).toEqual([inbound.port]);
  });
});

describe("drain", () => {
  test("accepts nothing more, waits for live connections, and ends as soon as they have ended", async () => {
    const clock = createFakeClock();
    const inbound = await start({ mode: "strict", clock });
    const live = mtls(inbound);
    expect(await echoed(live, "before")).toBe("before");
    let drained = false;
    const drain = inbound.proxy.drain(10_000).then(() => {
      drained = true;
    });
    expect(inbound.proxy.ready).toBe(false);
    expect(await reachable(inbound)).toBe(false);
    expect(await echoed(live, "meanwhile")).toBe("meanwhile");
    await clock.advance(5000);
    expect(drained).toBe(false);
    live.end();
    await inbound.nextRecord();
    await clock.advance(50);
    await drain;
    expect(clock.monotonicMs()).toBeLessThan(6000);
  });

  test("cuts what is left after the time given; twice is allowed", async () => {
    const clock = createFakeClock();
    const inbound = await start({ clock });
    const live = net.connect(inbound.port, inbound.address);
    expect(await echoed(live, "before")).toBe("before");
    const cut = new Promise<string | undefined>((resolve) =>
      live.on("error", (error: NodeJS.ErrnoException) => resolve(error.code)),
    );
    const drain = inbound.proxy.drain(1000);
    await clock.advance(1000);
    await drain;
    expect(await cut).toBe("ECONNRESET");
    expect(inbound.proxy.dump().connections.filter(({ open }) => open)).toEqual([]);
    await inbound.proxy.drain(0);
    expect(clock.pendingTimersMs).toEqual([]);
  });
});

test("the dump has certificates, roots and connections, and never a key", async () => {
  const server = MESH.issue("/ns/foo/sa/server");
  const inbound = await start({ mode: "strict", identity: proxyIdentity(server) });
  await echoed(mtls(inbound), "x");
  const dump = inbound.proxy.dump();
  expect(dump).toMatchObject({
    ready: true,
    configVersion: 1,
    listeners: [inbound.port],
    certificate: { spiffeId: SERVER_ID, serialNumber: server.leaf.serialNumberHex },
    roots: [{ trustDomain: "mesh.example", pem: MESH.bundle.toPem() }],
    connections: [{ direction: "inbound", security: "mtls", open: true, bytesReceived: 1, bytesSent: 1 }],
  });
  const keyLine = keyPem(server).split("\n")[1] ?? "";
  const text = JSON.stringify(dump) + Bun.inspect(dump);
  expect(text.includes(keyLine) || text.includes("PRIVATE")).toBe(false);
});

test("two proxies back to back: what one refuses, the other records as well", async () => {
  const inbound = await start({ mode: "strict" });
  const stranger = createTestAuthority("mesh.example");
  const outbound = await startOutbound(inbound, {
    identity: proxyIdentity(stranger.issue("/ns/foo/sa/client"), MESH),
  });
  closers.push(outbound.close);
  expect((await talk(net.connect(outbound.port, outbound.address), "x", 1)).end).toBe("ECONNRESET");
  expect(await inbound.nextRecord()).toMatchObject({ reason: "peer_not_verified" });
  // The client's proxy has verified its server, and cannot know more.
  expect(await outbound.nextRecord()).toMatchObject({ security: "mtls", peerSpiffeId: SERVER_ID });
});

function serialOf(socket: ReturnType<typeof tlsClient>): bigint {
  return BigInt(`0x${socket.getPeerCertificate().serialNumber}`);
}
