import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { listenOnUnixSocket } from "../os/index.ts";
import {
  type ProxyAdminHandler,
  type ProxyAdminQuestion,
  readProxyAdmin,
  serveProxyAdmin,
  setProxyLogLevel,
} from "./proxy-admin.ts";

const METRIC = { name: "a_total", help: "A.", type: "counter", series: [{ labels: {}, value: 1 }] } as const;

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-ipc-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "proxy.sock");
}

async function start(dump: unknown = { listeners: [80] }): Promise<string> {
  const path = socketPath();
  let level = "info";
  const handler: ProxyAdminHandler = {
    ready: () => true,
    configVersion: () => 7,
    dump: () => dump,
    config: () => ({ version: 7 }),
    metrics: () => [METRIC],
    logLevel: () => level,
    setLogLevel(next) {
      if (next === "debug") level = next;
      return next === "debug";
    },
  };
  const server = await serveProxyAdmin({ path, listen: listenOnUnixSocket, handler, log: silentLog });
  closers.push(() => server.close());
  return path;
}

describe("the admin surface of a proxy", () => {
  test("answers what it is asked", async () => {
    const path = await start();
    expect(await readProxyAdmin(path, "ready")).toBe(true);
    expect(await readProxyAdmin(path, "configVersion")).toBe(7);
    expect(await readProxyAdmin(path, "dump")).toEqual({ listeners: [80] });
    expect(await readProxyAdmin(path, "config")).toEqual({ version: 7 });
    expect(await readProxyAdmin(path, "metrics")).toEqual([METRIC]);
  });

  test("changes the level of the log, to one that there is", async () => {
    const path = await start();
    expect(await readProxyAdmin(path, "logLevel")).toBe("info");
    await expect(setProxyLogLevel(path, "loud")).rejects.toMatchObject({ code: "ERR_PROXY_UNREACHABLE" });
    expect(await readProxyAdmin(path, "logLevel")).toBe("info");
    expect(await setProxyLogLevel(path, "debug")).toBe("debug");
    expect(await readProxyAdmin(path, "logLevel")).toBe("debug");
  });

  test("answers of several hundred kilobytes arrive whole", async () => {
    const dump = { connections: Array.from({ length: 5000 }, (_, id) => ({ id, detail: "x".repeat(100) })) };
    expect(await readProxyAdmin(await start(dump), "dump")).toEqual(dump);
  });

  test("knows no other question", async () => {
    await expect(readProxyAdmin(await start(), "key" as ProxyAdminQuestion)).rejects.toMatchObject({
      code: "ERR_PROXY_UNREACHABLE",
    });
  });

  test("that is not there, or closes without a word, is a coded error with its path", async () => {
    const absent = socketPath();
    await expect(readProxyAdmin(absent, "ready")).rejects.toMatchObject({
      code: "ERR_PROXY_UNREACHABLE",
      message: `the proxy behind "${absent}" is not there`,
    });
    const path = socketPath();
    const server = net.createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    closers.push(() => server.close());
    await expect(readProxyAdmin(path, "ready")).rejects.toMatchObject({ code: "ERR_PROXY_UNREACHABLE" });
  });

  test("that answers nonsense is a coded error", async () => {
    const path = socketPath();
    const server = net.createServer(
      (socket) => void socket.on("error", () => undefined).write("\xff\xff\xff\xffnonsense", "latin1"),
    );
    await new Promise<void>((resolve) => server.listen(path, resolve));
    closers.push(() => server.close());
    await expect(readProxyAdmin(path, "ready")).rejects.toMatchObject({ code: "ERR_FRAME_INVALID" });
  });
});
