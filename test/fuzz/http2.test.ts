import { expect, test } from "bun:test";
import type { Log } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createGrpcServer } from "../../packages/symbolon/src/adapters/grpc/grpc-server.ts";
import { healthMethods } from "../../packages/symbolon/src/adapters/grpc/health-service.ts";
import { reflectionMethods } from "../../packages/symbolon/src/adapters/grpc/reflection-service.ts";
import { encodeHeaders } from "../../packages/symbolon/src/http2/index.ts";
import { createMutator } from "./mutator.ts";

/** A connection is a hundred times the work of a head. */
const EXECUTIONS = Number(process.env.EXECUTIONS ?? 100_000) / 100;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const LIMITS = {
  maxConcurrentStreams: 10,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 1000,
  idleTimeoutMs: 1000,
  stallTimeoutMs: 1000,
};
/** What one octet may bring about: a frame of the connection's end, or the longest answer, of reflection. */
const MAX_ANSWER_BYTES = 200_000;

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

const head = (path: string) =>
  encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["grpc-timeout", "5S"],
  ]);
const EMPTY_MESSAGE = Buffer.alloc(5);
const SETTINGS = frame(4, 0, 0);
const CORPUS = [
  Buffer.concat([frame(1, 4, 1, head("/grpc.health.v1.Health/Check")), frame(0, 1, 1, EMPTY_MESSAGE)]),
  Buffer.concat([
    frame(1, 4, 3, head("/grpc.health.v1.Health/Watch")),
    frame(0, 1, 3, EMPTY_MESSAGE),
    frame(3, 0, 3, Buffer.alloc(4, 8)),
  ]),
  Buffer.concat([
    frame(1, 4, 1, head("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")),
    frame(0, 0, 1, Buffer.from([0, 0, 0, 0, 2, 0x3a, 0])),
    frame(0, 1, 1, EMPTY_MESSAGE),
  ]),
  Buffer.concat([frame(1, 0, 1, head("/a/b").subarray(0, 20)), frame(9, 4, 1, head("/a/b").subarray(20))]),
  Buffer.concat([
    frame(6, 0, 0, Buffer.alloc(8)),
    frame(8, 0, 0, Buffer.from([0, 0, 1, 0])),
    frame(2, 0, 1, Buffer.alloc(5)),
  ]),
  frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 1, 0, 5, 0, 0, 0x40, 0])),
  frame(7, 0, 0, Buffer.alloc(8)),
];

test(`HTTP/2 and gRPC: ${EXECUTIONS} connections of mutated frames without a finding`, async () => {
  const mutator = createMutator(2);
  const findings: string[] = [];
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error: (message, facts) => void findings.push(`${message} ${JSON.stringify(facts)}`),
  };
  let answered = 0;
  for (let execution = 0; execution < EXECUTIONS; execution++) {
    const clock = createFakeClock();
    const server = createGrpcServer<object>({
      methods: [...healthMethods<object>(), ...reflectionMethods<object>()],
      limits: LIMITS,
      maxMessageBytes: 16 * 1024,
      clock,
      log,
    });
    let written = 0;
    const transport = {
      write(bytes: Buffer) {
        written += bytes.length;
        return true;
      },
      end() {},
      destroy() {},
    };
    const connection = server.open(transport, {});
    const input = Buffer.concat([PREFACE, SETTINGS, mutator.mutate(CORPUS)]);
    for (const part of mutator.cut(input)) connection.receive(part);
    await new Promise((resolve) => setImmediate(resolve));
    connection.ended();
    if (written > MAX_ANSWER_BYTES) findings.push(`${written} bytes for ${input.toString("base64")}`);
    if (clock.pendingTimersMs.length > 0) findings.push(`a timer is left after ${input.toString("base64")}`);
    if (written > 100) answered++;
  }
  expect(findings).toEqual([]);
  // It has to come to the services, not to the ends of connections alone.
  expect(answered).toBeGreaterThan(EXECUTIONS / 20);
});
