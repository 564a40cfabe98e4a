/** h2spec, the conformance suite of HTTP/2 and HPACK that servers are held to, against our server's side of a connection. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { encodeHeaders, ServerConnection, type ServerStream } from "../../packages/symbolon/src/http2/index.ts";
import { CACHE, findGo } from "./build-clients.ts";

const PROGRAM = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";
const TESTS = 145;
const LIMITS = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
};

const go = findGo();
if (!go) test.skip("neither Go 1.21 or newer nor pip is installed", () => undefined);
else
  test(`${TESTS} of h2spec's tests pass`, async () => {
    const server = createServer((socket) => {
      const connection = new ServerConnection({
        transport: {
          write: (bytes) => socket.write(bytes),
          end: () => void socket.end(),
          destroy: () => void socket.destroy(),
        },
        limits: LIMITS,
        clock: systemClock,
        log: silentLog,
        onStream: answerAtTheEnd,
        onOver: () => undefined,
      });
      socket.on("data", (chunk: Buffer) => connection.receive(chunk));
      socket.on("drain", () => connection.drained());
      for (const event of ["end", "close", "error"]) socket.on(event, () => connection.ended());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const h2spec = Bun.spawn([h2specProgram(go), "generic", "http2", "hpack", "-h", "127.0.0.1", "-p", String(port)], {
      stdout: "pipe",
    });
    const report = await new Response(h2spec.stdout).text();
    server.close();
    expect(report.slice(-2000)).toContain(`${TESTS} tests, ${TESTS} passed, 0 skipped, 0 failed`);
  });

/** The answer of a web server: not before the request is whole, because a stream that is over cannot go wrong. */
function answerAtTheEnd(stream: ServerStream): void {
  stream.consumer = {
    onData: () => undefined,
    onEnd() {
      stream.sendHeaders(encodeHeaders([[":status", "200"]]));
      stream.sendData(Buffer.from("an answer"));
      stream.end(encodeHeaders([["x-trailer", "1"]]));
    },
    onAbort: () => undefined,
  };
}

/** Built once, into the cache. */
function h2specProgram(compiler: string): string {
  const directory = join(CACHE, "h2spec");
  const program = join(directory, "h2spec");
  if (existsSync(program)) return program;
  mkdirSync(directory, { recursive: true });
  const env = { ...process.env, GOBIN: directory };
  const { status, stderr } = spawnSync(compiler, ["install", PROGRAM], { env, encoding: "utf8" });
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return program;
}
