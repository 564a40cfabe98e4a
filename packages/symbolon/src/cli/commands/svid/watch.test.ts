import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  startWorkloadEndpoint,
  type WorkloadEndpointFixture,
} from "../../../../../../test/fakes/workload-endpoint-fixture.ts";

const COMMAND_LINE = join(import.meta.dirname, "../../../../bin/symbolon.ts");

let directory = "";
let endpoint: WorkloadEndpointFixture;
let watching: ReturnType<typeof watch> | undefined;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "svid-watch-"));
  endpoint = await startWorkloadEndpoint({ path: join(directory, "agent.sock") });
});
afterEach(async () => {
  watching?.process.kill("SIGKILL");
  await watching?.process.exited;
  watching = undefined;
  await endpoint.close();
  rmSync(directory, { recursive: true });
});

function spawnWatch<Out extends "pipe" | number>(words: readonly string[], stdout: Out) {
  const command = [process.execPath, COMMAND_LINE, "svid", "watch", "--socket", endpoint.socket, ...words];
  return Bun.spawn(command, { stdout, stderr: "pipe" });
}

/** `svid watch` as a process of its own, read line by line. */
function watch(...words: readonly string[]) {
  const process_ = spawnWatch(words, "pipe");
  return { process: process_, line: lineReader(process_.stdout), complaint: lineReader(process_.stderr) };
}

/** A pipe that takes not a byte more, and that nobody reads. */
function fullPipe(path: string): { readonly output: number; close(): void } {
  expect(spawnSync("mkfifo", [path]).status).toBe(0);
  const filler = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const output = openSync(path, constants.O_RDWR);
  for (const size of [4096, 1])
    for (let isFull = false; !isFull; ) {
      try {
        writeSync(filler, Buffer.alloc(size));
      } catch (error) {
        expect(error).toMatchObject({ code: "EAGAIN" });
        isFull = true;
      }
    }
  return {
    output,
    close() {
      closeSync(filler);
      closeSync(output);
    },
  };
}

function lineReader(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return async () => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`no further line, but ${JSON.stringify(text)}`);
      text += decoder.decode(value, { stream: true });
    }
    const [line = "", ...rest] = text.split("\n");
    text = rest.join("\n");
    return line;
  };
}

const serialOf = (line: string): string => JSON.parse(line).svids[0].serialNumber;

test("says the identity, then each new one, and keeps its files fresh, until it is stopped", async () => {
  const files = join(directory, "identity");
  watching = watch("-o", "json", "--write", files);
  const first = await watching.line();
  expect(JSON.parse(first)).toMatchObject({
    svids: [{ spiffeId: "spiffe://example.org/myservice" }],
    trustDomains: ["example-federated.org", "example.org"],
  });
  expect(first).not.toContain("PRIVATE KEY");
  const before = readFileSync(join(files, "svid.0.pem"), "utf8");
  endpoint.rotate();
  expect(serialOf(await watching.line())).not.toBe(serialOf(first));
  expect(readFileSync(join(files, "svid.0.pem"), "utf8")).not.toBe(before);
  watching.process.kill("SIGTERM");
  expect(await watching.process.exited).toBe(0);
});

test("ends with 0 when Ctrl-C comes twice, from the terminal and from the program that started it", async () => {
  watching = watch();
  await watching.line();
  watching.process.kill("SIGINT");
  await new Promise(setImmediate);
  watching.process.kill("SIGINT");
  expect(await watching.process.exited).toBe(0);
});

test("goes on while nobody reads what it says; a second Ctrl-C ends it, what it has said or not", async () => {
  const files = join(directory, "identity");
  const certificate = (): string => readFileSync(join(files, "svid.0.pem"), "utf8");
  const { output, close } = fullPipe(join(directory, "output"));
  const spawned = spawnWatch(["--write", files], output);
  try {
    while (!existsSync(join(files, "svid.0.pem"))) await new Promise(setImmediate);
    const before = certificate();
    endpoint.rotate();
    while (certificate() === before) await new Promise(setImmediate);
    while (spawned.exitCode === null && spawned.signalCode === null) {
      spawned.kill("SIGINT");
      await new Promise(setImmediate);
    }
    expect(await spawned.exited).toBe(130);
  } finally {
    spawned.kill("SIGKILL");
    await spawned.exited;
    close();
  }
});

test("tells of an agent that went, and goes on when it is back", async () => {
  watching = watch("-o", "json");
  const first = await watching.line();
  await endpoint.restart();
  endpoint.rotate();
  expect(await watching.complaint()).toContain("waiting: ");
  let next = await watching.line();
  // The identity from before the rotation may come once more.
  if (serialOf(next) === serialOf(first)) next = await watching.line();
  expect(serialOf(next)).not.toBe(serialOf(first));
});
