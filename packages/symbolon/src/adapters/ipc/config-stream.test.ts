import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom } from "@symbolon/spiffe/testing";
import type { LocalConfig, MeshView, ProxyConfig } from "../../mesh/index.ts";
import { listenOnUnixSocket } from "../os/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import { createConfigClient } from "./config-client.ts";
import { encodeConfig } from "./config-message.ts";
import { serveProxyConfigs } from "./config-server.ts";
import { encodeFrame, encodeMessage, MAX_FRAME_BYTES } from "./frame.ts";
import { serveFrames } from "./frame-server.ts";

const POD = "pod-1";
const PROXY: ProcessIdentity = { pid: 4711, startTicks: 100 };

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const mesh = { services: [], workloads: [], capturedPorts: [] } as unknown as MeshView;
const local = (podUid: string) => ({ podUid, inboundPorts: [], authorizationPolicies: [] }) as unknown as LocalConfig;
const OWN = local(POD);

const config = (version: number, own = OWN): ProxyConfig => ({ version, local: own, mesh });

async function startServer(path: string, log: Log = silentLog) {
  const state = {
    current: config(1) as ProxyConfig | undefined,
    proxy: PROXY as ProcessIdentity | undefined,
    peer: PROXY,
  };
  const followers = new Set<(config: ProxyConfig | undefined) => void>();
  const server = await serveProxyConfigs({
    path,
    listen: listenOnUnixSocket,
    readPeer: () => state.peer,
    proxyOf: (podUid) => (podUid === POD ? state.proxy : undefined),
    configs: {
      current: () => state.current,
      subscribe(_podUid, follower) {
        followers.add(follower);
        return () => followers.delete(follower);
      },
    },
    log,
  });
  closers.push(() => server.close());
  return {
    state,
    followers,
    close: () => server.close(),
    push(next: ProxyConfig | undefined) {
      state.current = next;
      for (const tell of [...followers]) void tell(next);
    },
  };
}

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-ipc-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "config.sock");
}

function startClient(path: string) {
  const clock = createFakeClock();
  const client = createConfigClient({ path, podUid: POD, clock, random: createFakeRandom(), log: silentLog });
  closers.push(() => client.close());
  const versions: (number | undefined)[] = [];
  client.config.subscribe((config) => versions.push(config?.version));
  return { client, clock, versions };
}

/** What a foreigner is told until it is cut off. */
function eavesdrop(path: string, ...messages: readonly Buffer[]): Promise<number> {
  return new Promise((resolve) => {
    let received = 0;
    const socket = net.connect(path);
    socket.on("connect", () => {
      for (const message of messages) socket.write(message);
    });
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    socket.on("error", () => undefined).on("close", () => resolve(received));
  });
}

describe("the configuration of a proxy", () => {
  test("comes at once, and with each change, to the proxy of the pod", async () => {
    const path = socketPath();
    const server = await startServer(path);
    const { client, versions } = startClient(path);
    await until(() => client.config.current !== undefined);
    server.push(config(2));
    await until(() => client.config.current?.version === 2);
    expect(versions).toEqual([1, 2]);
  });

  test("stays while the control plane is away; the next one counts from its own beginning", async () => {
    const path = socketPath();
    const first = await startServer(path);
    const { client, clock, versions } = startClient(path);
    first.push(config(9));
    await until(() => client.config.current?.version === 9);
    first.close();
    await until(() => clock.pendingTimersMs.length > 0);
    expect(client.config.current?.version).toBe(9);
    const second = await startServer(path);
    while (client.config.current?.version !== 1) await clock.advance(20);
    second.push(config(2));
    await until(() => client.config.current?.version === 2);
    expect(versions.slice(-2)).toEqual([1, 2]);
  });

  test("after the first has what differs, also after versions that were skipped", async () => {
    const path = socketPath();
    const server = await startServer(path);
    const { client } = startClient(path);
    await until(() => client.config.current !== undefined);
    const first = client.config.current;
    server.push(config(2));
    server.push(config(7, { ...OWN, inboundMode: "strict" }));
    await until(() => client.config.current?.version === 7);
    expect(client.config.current?.local.inboundMode).toBe("strict");
    expect(client.config.current?.mesh).toBe(first?.mesh as never);
  });

  test("that is not newer, is another pod's, or is none is refused: the last one stays", async () => {
    for (const wrong of [config(5), config(4), config(6, local("pod-2"))]) {
      const path = socketPath();
      const server = await startServer(path);
      server.state.current = config(5);
      const { client, clock } = startClient(path);
      await until(() => client.config.current?.version === 5);
      server.push(wrong);
      server.state.current = undefined;
      // The client closes the stream, and asks again.
      await until(() => clock.pendingTimersMs.length > 0);
      expect(client.config.current?.version).toBe(5);
      expect(server.followers.size).toBeLessThanOrEqual(1);
    }
  });

  test("that builds on a version which the proxy does not have is refused, and so is what follows; then everything comes anew", async () => {
    const path = socketPath();
    const first = config(5);
    const answers = [
      [encodeConfig(first), encodeConfig(config(9), config(8)), encodeConfig(config(10), config(9)), "{"],
      [encodeConfig(config(10, { ...OWN, inboundMode: "strict" }))],
    ];
    const server = await serveFrames({
      path,
      listen: listenOnUnixSocket,
      accept: () => ({
        onFrame(_hello, connection) {
          for (const text of answers.shift() ?? []) connection.send(encodeFrame(Buffer.from(text)));
        },
        onClose() {},
      }),
      log: silentLog,
    });
    closers.push(() => server.close());
    const { client, clock, versions } = startClient(path);
    await until(() => clock.pendingTimersMs.length > 0);
    expect(versions).toEqual([5]);
    while (client.config.current?.version !== 10) await clock.advance(20);
    expect(versions).toEqual([5, 10]);
    expect(client.config.current?.local.inboundMode).toBe("strict");
  });

  test("above the limit of a frame is not sent, loudly; the last one stays, and the next one that fits comes", async () => {
    const path = socketPath();
    const errors: object[] = [];
    const server = await startServer(path, {
      ...silentLog,
      error: (message, fields) => errors.push({ message, ...fields }),
    });
    const { client, clock, versions } = startClient(path);
    await until(() => client.config.current?.version === 1);
    const huge = { ...mesh, clusterDomain: "x".repeat(MAX_FRAME_BYTES) } as MeshView;
    server.push({ version: 2, local: OWN, mesh: huge });
    expect(errors).toEqual([
      {
        message: "configuration of a proxy is too large; it keeps the one before",
        podUid: POD,
        version: 2,
        reason: expect.stringContaining(`over the limit of ${MAX_FRAME_BYTES}`),
      },
    ]);
    server.push(config(3, { ...OWN, inboundMode: "strict" }));
    await until(() => client.config.current?.version === 3);
    expect(versions).toEqual([1, 3]);
    expect(client.config.current?.local.inboundMode).toBe("strict");
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("ends with the pod", async () => {
    const path = socketPath();
    const server = await startServer(path);
    const { client, clock } = startClient(path);
    await until(() => client.config.current !== undefined);
    server.push(undefined);
    await until(() => clock.pendingTimersMs.length > 0);
    expect(client.config.current?.version).toBe(1);
    await until(() => server.followers.size === 0);
  });
});

describe("nobody else is told a byte", () => {
  const hello = encodeMessage({ type: "hello", podUid: POD });

  test("another process, a later process with the same id, a pod without known proxy, another pod (CV-42, CV-43)", async () => {
    const path = socketPath();
    const { state } = await startServer(path);
    for (const peer of [
      { pid: 4712, startTicks: 100 },
      { pid: 4711, startTicks: 101 },
    ]) {
      state.peer = peer;
      expect(await eavesdrop(path, hello)).toBe(0);
    }
    state.peer = PROXY;
    expect(await eavesdrop(path, encodeMessage({ type: "hello", podUid: "pod-2" }))).toBe(0);
    state.proxy = undefined;
    expect(await eavesdrop(path, hello)).toBe(0);
  });

  test("whose first message is no hello", async () => {
    const path = socketPath();
    await startServer(path);
    for (const message of [
      encodeMessage({}),
      encodeMessage({ type: "hello" }),
      encodeMessage({ type: "hello", podUid: 1 }),
    ])
      expect(await eavesdrop(path, message)).toBe(0);
    expect(await eavesdrop(path, Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toBe(0);
  });

  test("nearest that is accepted; a second hello ends the stream", async () => {
    const path = socketPath();
    const { followers } = await startServer(path);
    expect(await eavesdrop(path, hello, hello)).toBeGreaterThan(0);
    await until(() => followers.size === 0);
  });
});
