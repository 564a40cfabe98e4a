import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PinnedPeer, pinPeer } from "./pinned-peer.ts";

const directory = mkdtempSync(join(tmpdir(), "symbolon-pinned-"));
const ended: (() => unknown)[] = [() => rmSync(directory, { recursive: true })];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

/** Connects, leaves its connection to a process of its own making, and ends. */
const HANDS_ITS_CONNECTION_ON = `
  const socket = require("node:net").connect(process.argv[1], () => {
    const heir = require("node:child_process").spawn("sleep", ["60"], {
      stdio: ["ignore", "ignore", "ignore", socket._handle.fd],
      detached: true,
    });
    heir.unref();
    console.log(heir.pid);
    process.stdin.on("data", () => process.exit(0));
  });
`;

test("a process that has ended is no peer any more, though another one holds its connection", async () => {
  const path = join(directory, "peer.sock");
  const accepted = Promise.withResolvers<{ readonly peer: PinnedPeer; readonly socket: Socket }>();
  const server = createServer((socket) => {
    const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd: number } };
    const peer = pinPeer(handle?.fd ?? -1);
    if (peer) accepted.resolve({ peer, socket });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  ended.push(() => server.close());

  const child = Bun.spawn([process.execPath, "-e", HANDS_ITS_CONNECTION_ON, path], { stdin: "pipe", stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const heirPid = Number(new TextDecoder().decode(value));
  ended.push(() => process.kill(heirPid));
  const { peer, socket } = await accepted.promise;
  ended.push(() => socket.destroy());
  let isClosed = false;
  socket.on("close", () => {
    isClosed = true;
  });

  expect(peer.pid).toBe(child.pid);
  expect(peer.uid).toBe(process.getuid?.() ?? -1);
  expect(peer.isAlive()).toBe(true);
  child.stdin.write("end\n");
  await child.stdin.end();
  await child.exited;
  expect(peer.isAlive()).toBe(false);
  expect(isClosed).toBe(false);
  expect(() => process.kill(heirPid, 0)).not.toThrow();
  peer.close();
  peer.close();
  expect(peer.isAlive()).toBe(false);
});
