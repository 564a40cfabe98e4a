import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom, type FakeClock } from "@symbolon/spiffe/testing";
import { listenOnUnixSocket, peerProcess } from "../os/index.ts";
import {
  type AgentControlClient,
  type AgentControlHandler,
  createAgentControlClient,
  type PodRegistration,
  serveAgentControl,
} from "./agent-control.ts";
import { createFrameDecoder, encodeMessage, parseMessage } from "./frame.ts";

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const registration = (podUid: string): PodRegistration => ({
  podUid,
  namespace: "foo",
  name: "web-1",
  serviceAccount: "web",
  tokenPath: "/token",
  socketPath: "/socket",
  workloadSocketPath: "/uds/socket",
  proxy: { pid: 4711, startTicks: 100 },
});

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-ipc-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "control.sock");
}

interface Agent {
  readonly orders: string[];
  close(): void;
}

/** @param parentPid who may give orders; the tests' own process is the one that connects */
async function startAgent(
  path: string,
  options: { readonly parentPid?: number; readonly handler?: Partial<AgentControlHandler> } = {},
): Promise<Agent> {
  const orders: string[] = [];
  const server = await serveAgentControl({
    path,
    listen: listenOnUnixSocket,
    readPeer: peerProcess,
    parentPid: options.parentPid ?? process.pid,
    log: silentLog,
    handler: {
      async register({ podUid, proxy }) {
        orders.push(`register ${podUid} ${proxy?.pid ?? "none"}`);
      },
      async unregister(podUid) {
        orders.push(`unregister ${podUid}`);
      },
      ...options.handler,
    },
  });
  closers.push(() => server.close());
  return { orders, close: () => server.close() };
}

function startClient(path: string, clock: FakeClock = createFakeClock()): AgentControlClient {
  const client = createAgentControlClient({ path, clock, random: createFakeRandom(), log: silentLog });
  closers.push(() => client.close());
  return client;
}

/** Messages as a foreigner could write them, and the first answer to each; undefined when it was cut off. */
async function speak(path: string, ...messages: readonly Buffer[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  const decoder = createFrameDecoder();
  await new Promise<void>((resolve) => {
    const socket = net.connect(path);
    socket.on("connect", () => {
      for (const message of messages) socket.write(message);
    });
    socket.on("data", (chunk) => {
      answers.push(...decoder.push(chunk).map(parseMessage));
      if (answers.length >= messages.length) socket.destroy();
    });
    socket.on("error", () => undefined).on("close", () => resolve());
  });
  return answers;
}

describe("orders of the supervisor", () => {
  test("are obeyed, and the supervisor hears when they have been", async () => {
    const path = socketPath();
    let obeyed = (): void => undefined;
    const agent = await startAgent(path, {
      handler: {
        unregister: () =>
          new Promise((resolve) => {
            obeyed = resolve;
          }),
      },
    });
    const client = startClient(path);
    await client.register(registration("a"));
    expect(agent.orders).toContain("register a 4711");
    let done = false;
    const unregistered = client.unregister("a").then(() => {
      done = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    while (!done) {
      obeyed();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await unregistered;
    // Nobody knows it: nothing to do.
    await client.unregister("a");
  });

  test("name no proxy for a pod without sidecar", async () => {
    const path = socketPath();
    const agent = await startAgent(path);
    const { proxy: _proxy, ...without } = registration("a");
    await startClient(path).register(without);
    expect(new Set(agent.orders)).toEqual(new Set(["register a none"]));
  });

  test("that fail are the supervisor's errors, and others go on", async () => {
    const path = socketPath();
    await startAgent(path, {
      handler: {
        async register({ podUid }) {
          if (podUid === "bad") throw new Error("no room");
        },
      },
    });
    const client = startClient(path);
    await expect(client.register(registration("bad"))).rejects.toMatchObject({
      code: "ERR_AGENT_ORDER_REFUSED",
      message: "the agent refused: no room",
    });
    await client.register(registration("good"));
  });

  test("wait for an agent that is not there yet; pods are named again to the next agent", async () => {
    const path = socketPath();
    const clock = createFakeClock();
    const client = startClient(path, clock);
    let registered = false;
    const order = client.register(registration("a")).then(() => {
      registered = true;
    });
    await clock.advance(500);
    expect(registered).toBe(false);
    const first = await startAgent(path);
    while (!registered) await clock.advance(20);
    await order;
    first.close();
    const second = await startAgent(path);
    while (!second.orders.includes("register a 4711")) await clock.advance(20);
    await client.unregister("a");
    second.close();
    const third = await startAgent(path);
    const reconnected = client.register(registration("b"));
    while (!third.orders.includes("register b 4711")) await clock.advance(20);
    await reconnected;
    expect(third.orders.filter((line) => line.includes(" a "))).toEqual([]);
  });

  test("that still wait are given up when the supervisor stops", async () => {
    const client = startClient(socketPath());
    const order = client.register(registration("a"));
    client.close();
    await expect(order).rejects.toMatchObject({ code: "ERR_AGENT_ORDER_REFUSED" });
  });
});

describe("everybody else", () => {
  test("another process than the agent's parent is cut off, and nothing is done", async () => {
    const path = socketPath();
    const agent = await startAgent(path, { parentPid: process.ppid });
    expect(await speak(path, encodeMessage({ type: "register", id: 1, registration: registration("a") }))).toEqual([]);
    expect(agent.orders).toEqual([]);
  });

  test("orders that are no orders fail by name, and nothing is done", async () => {
    const path = socketPath();
    const agent = await startAgent(path);
    const bad: readonly [unknown, string][] = [
      [{ type: "promote", id: 1 }, '"promote" is not an order of the supervisor'],
      [{ type: "register", id: 2 }, 'field "podUid" is not a text'],
      [
        { type: "register", id: 3, registration: { ...registration("a"), namespace: "" } },
        'field "namespace" is not a text',
      ],
      [
        { type: "register", id: 4, registration: { ...registration("a"), proxy: { pid: "4711", startTicks: 1 } } },
        'field "proxy.pid" is not a positive number',
      ],
      [
        { type: "register", id: 5, registration: { ...registration("a"), proxy: { pid: 1, startTicks: 0 } } },
        'field "proxy.startTicks" is not a positive number',
      ],
      [{ type: "unregister", id: 6 }, 'field "podUid" is not a text'],
    ];
    const answers = await speak(path, ...bad.map(([message]) => encodeMessage(message)));
    expect(answers).toEqual(
      bad.map(([message, text]) => ({ type: "failed", id: (message as { id: number }).id, message: text })),
    );
    expect(agent.orders).toEqual([]);
  });
});
