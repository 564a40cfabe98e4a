import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom, createTestAuthority, type FakeClock } from "@symbolon/spiffe/testing";
import type { WorkloadIdentity } from "../../agent/index.ts";
import type { AuditEvent } from "../../core/index.ts";
import { listenOnUnixSocket, peerProcess, processStartTicks } from "../os/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import { encodeMessage } from "./frame.ts";
import { createIdentityClient, type IdentityClient } from "./identity-client.ts";
import { createIdentityServer, type IdentityServer } from "./identity-server.ts";

const MESH = createTestAuthority("mesh.example");
const POD = "11111111-1111-4111-8111-111111111111";
const PROXY: ProcessIdentity = { pid: 4711, startTicks: 100 };

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

interface Fixture {
  readonly path: string;
  readonly server: IdentityServer;
  readonly audit: AuditEvent[];
  /** What the kernel says of whoever connects, and of the processes that live. */
  readonly kernel: { peer: ProcessIdentity | Error; alive: Map<number, number> };
  setIdentity(identity: WorkloadIdentity | undefined): void;
}

function start(options: { readonly realKernel?: true } = {}): Fixture {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-ipc-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  let current: WorkloadIdentity | undefined = identity();
  const followers = new Set<() => void>();
  const audit: AuditEvent[] = [];
  const kernel: Fixture["kernel"] = { peer: PROXY, alive: new Map([[PROXY.pid, PROXY.startTicks]]) };
  const server = createIdentityServer({
    identities: {
      current: () => current,
      subscribe(_podUid, follower) {
        followers.add(follower);
        return () => followers.delete(follower);
      },
    },
    listen: listenOnUnixSocket,
    readPeer(fd) {
      if (options.realKernel) return peerProcess(fd);
      if (kernel.peer instanceof Error) throw kernel.peer;
      return kernel.peer;
    },
    startTicksOf: (pid) => (options.realKernel ? processStartTicks(pid) : kernel.alive.get(pid)),
    audit: { write: async (event) => void audit.push(event) },
    log: silentLog,
  });
  closers.push(() => server.closeAll());
  return {
    path: join(directory, "agent.sock"),
    server,
    audit,
    kernel,
    setIdentity(next) {
      current = next;
      for (const follower of [...followers]) follower();
    },
  };
}

function identity(options: { readonly notAfter?: Date } = {}): WorkloadIdentity {
  return { svid: MESH.issue("/ns/foo/sa/web", { uris: [WEB_ID], ...options }), bundle: MESH.bundle };
}

const WEB_ID = "spiffe://mesh.example/ns/foo/sa/web";

function connectClient(path: string, clock: FakeClock = createFakeClock()): IdentityClient {
  const client = createIdentityClient({ path, clock, random: createFakeRandom(), log: silentLog });
  closers.push(() => client.close());
  return client;
}

/** A foreigner: everything that it is told until it is cut off. */
function eavesdrop(path: string, send?: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(path);
    socket.on("connect", () => send && socket.write(send));
    socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks)));
  });
}

describe("the registered process", () => {
  test("is given certificate, roots and key; the delivery is on record, without the key", async () => {
    const { server, path, audit, setIdentity } = start();
    const own = identity();
    setIdentity(own);
    await server.open(POD, path, PROXY);
    const client = connectClient(path);
    await until(() => client.identity.current !== undefined);
    const got = client.identity.current;
    expect(got?.spiffeId.toString()).toBe(WEB_ID);
    expect(got?.certificateChainPem).toBe(own.svid.certificateChainPem());
    expect(got?.serialNumber).toBe(own.svid.leaf.serialNumberHex);
    expect(got?.bundles.get(MESH.trustDomain)?.equals(MESH.bundle)).toBe(true);
    expect(got?.privateKeyPem.expose().toString()).toBe(
      own.svid.privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    );
    expect(audit).toMatchObject([
      {
        kind: "identity.deliver",
        outcome: "success",
        actor: "process 4711",
        subject: WEB_ID,
        details: { podUid: POD },
      },
    ]);
    expect(`${JSON.stringify(audit)}${Bun.inspect(got)}`).not.toContain("PRIVATE");
  });

  test("hears of each new identity, and of its end", async () => {
    const { server, path, setIdentity } = start();
    setIdentity(undefined);
    await server.open(POD, path, PROXY);
    const client = connectClient(path);
    for (const next of [identity(), identity()]) {
      setIdentity(next);
      await until(() => client.identity.current?.serialNumber === next.svid.leaf.serialNumberHex);
    }
    setIdentity(undefined);
    await until(() => client.identity.current === undefined);
  });

  test("is recognised by the kernel's word alone, here with a real one", async () => {
    const { server, path } = start({ realKernel: true });
    const startTicks = processStartTicks(process.pid) ?? 0;
    await server.open(POD, path, { pid: process.pid, startTicks });
    const client = connectClient(path);
    await until(() => client.identity.current !== undefined);
  });
});

describe("nobody else is given a byte, and each attempt is on record", () => {
  const others: readonly [string, ProcessIdentity | Error, string][] = [
    ["another process", { pid: 4712, startTicks: 100 }, "process 4712"],
    ["a later process with the same id", { pid: 4711, startTicks: 101 }, "process 4711"],
    ["a process that the kernel does not name", new Error("the peer is not visible"), "the peer is not visible"],
  ];
  for (const [name, peer, actor] of others)
    test(name, async () => {
      const { server, path, audit, kernel } = start();
      await server.open(POD, path, PROXY);
      kernel.peer = peer;
      expect((await eavesdrop(path)).length).toBe(0);
      expect(audit).toMatchObject([
        {
          outcome: "refused",
          actor,
          subject: `pod ${POD}`,
          code: "ERR_PEER_CREDENTIALS",
          details: { wanted: "process 4711" },
        },
      ]);
    });

  test("a real process that is not the registered one", async () => {
    const { server, path, audit } = start({ realKernel: true });
    await server.open(POD, path, { pid: process.pid, startTicks: processStartTicks(process.pid) ?? 0 });
    const script = `const s = require("node:net").connect(process.argv[1]); let n = 0;
      s.on("data", (d) => { n += d.length; }).on("error", () => 0).on("close", () => console.log("got", n));`;
    const child = Bun.spawn([process.execPath, "-e", script, path], { stdout: "pipe" });
    expect((await child.stdout.text()).trim()).toBe("got 0");
    expect(audit).toMatchObject([{ outcome: "refused", actor: `process ${child.pid}` }]);
  });

  test("the registered process, once it has ended and its id may be another's", async () => {
    const { server, path, audit, kernel } = start();
    kernel.alive.set(PROXY.pid, 200);
    await server.open(POD, path, PROXY);
    expect((await eavesdrop(path)).length).toBe(0);
    expect(audit).toEqual([]);
  });

  test("the process before, once another is registered: its connection ends, and the new one is served", async () => {
    const { server, path, kernel } = start();
    await server.open(POD, path, PROXY);
    const before = eavesdrop(path);
    const next = { pid: 5000, startTicks: 300 };
    kernel.alive.set(next.pid, next.startTicks);
    await server.open(POD, path, next);
    await before;
    expect((await eavesdrop(path)).length).toBe(0);
    kernel.peer = next;
    const client = connectClient(path);
    await until(() => client.identity.current !== undefined);
  });

  test("anybody, once the pod is gone", async () => {
    const { server, path } = start();
    await server.open(POD, path, PROXY);
    const client = eavesdrop(path);
    server.close(POD);
    server.close(POD);
    await client;
    expect((await eavesdrop(path)).length).toBe(0);
  });

  test("whoever speaks: the socket is for listening", async () => {
    const { server, path } = start();
    await server.open(POD, path, PROXY);
    await eavesdrop(path, encodeMessage({ type: "hello" }));
  });
});

test("two orders to open one pod at once are one socket, for the process that was named last", async () => {
  const { server, path, kernel } = start();
  const next = { pid: 5000, startTicks: 300 };
  kernel.alive.set(next.pid, next.startTicks);
  await Promise.all([server.open(POD, path, PROXY), server.open(POD, path, next)]);
  expect((await eavesdrop(path)).length).toBe(0);
  kernel.peer = next;
  const client = connectClient(path);
  await until(() => client.identity.current !== undefined);
});

test("an order that is taken back before it was obeyed leaves no socket, and one that comes after it has one", async () => {
  const { server, path } = start();
  const opened = server.open(POD, path, PROXY);
  server.close(POD);
  await opened;
  expect(existsSync(path) && (await eavesdrop(path)).length > 0).toBe(false);
  const again = server.open(POD, path, PROXY);
  server.close(POD);
  await Promise.all([again, server.open(POD, path, PROXY)]);
  const client = connectClient(path);
  await until(() => client.identity.current !== undefined);
  // The same order once more cuts nothing.
  await server.open(POD, path, PROXY);
  server.close(POD);
  await server.open(POD, path, PROXY);
  expect(client.identity.current).toBeDefined();
});

describe("a client", () => {
  test("keeps its identity while the agent is away, and follows the next agent", async () => {
    const { server, path, setIdentity } = start();
    const clock = createFakeClock();
    await server.open(POD, path, PROXY);
    const client = connectClient(path, clock);
    await until(() => client.identity.current !== undefined);
    const before = client.identity.current;
    server.closeAll();
    // Connecting again is the first thing in less than a minute; the expiry of the certificate is years away.
    await until(() => clock.pendingTimersMs.some((delay) => delay < 60_000));
    expect(client.identity.current).toBe(before);
    const next = identity();
    setIdentity(next);
    await server.open(POD, path, PROXY);
    while (client.identity.current === before) await clock.advance(20);
    expect(client.identity.current?.serialNumber).toBe(next.svid.leaf.serialNumberHex);
  });

  test("has no identity any more from the certificate's end on, also without agent", async () => {
    const { server, path, setIdentity } = start();
    const clock = createFakeClock(new Date("2026-01-01T00:00:00Z"));
    setIdentity(identity({ notAfter: new Date("2026-01-01T01:00:00Z") }));
    await server.open(POD, path, PROXY);
    const client = connectClient(path, clock);
    await until(() => client.identity.current !== undefined);
    server.closeAll();
    await clock.advance(3_599_000);
    expect(client.identity.current).toBeDefined();
    await clock.advance(1000);
    expect(client.identity.current).toBeUndefined();
  });

  test("overwrites a key a minute after it was replaced, when no handshake uses it any more", async () => {
    const { server, path, setIdentity } = start();
    const clock = createFakeClock();
    await server.open(POD, path, PROXY);
    const client = connectClient(path, clock);
    await until(() => client.identity.current !== undefined);
    const old = client.identity.current;
    setIdentity(identity());
    await until(() => client.identity.current !== old);
    const wiped = () => old?.privateKeyPem.expose().every((byte) => byte === 0);
    await clock.advance(59_000);
    expect(wiped()).toBe(false);
    await clock.advance(1000);
    expect(wiped()).toBe(true);
  });
});
