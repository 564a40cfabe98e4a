import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { type Health, type HealthCheckResponse, ServerReflection } from "../../gen/index.ts";
import { FrameReader } from "../../http2/frame-reader.ts";
import { frameHeader, settingsFrame } from "../../http2/frame-writer.ts";
import { HeaderDecoder } from "../../http2/header-decoder.ts";
import { encodeHeaders, type Header } from "../../http2/index.ts";
import { FLAG, FRAME, PREFACE } from "../../http2/protocol.ts";
import { unary } from "./grpc-method.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { healthMethods } from "./health-service.ts";
import { agentServiceStatus } from "./status.ts";

const CHECK = "/grpc.health.v1.Health/Check";
const WATCH = "/grpc.health.v1.Health/Watch";
const EMPTY_MESSAGE = Buffer.alloc(5);
const LIMITS = {
  maxConcurrentStreams: 1000,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 1000,
  idleTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
};

/** A client by the frame. */
function connect() {
  const clock = createFakeClock();
  const server = createGrpcServer<object>({
    methods: [
      ...healthMethods<object>(),
      unary(
        ServerReflection.method.serverReflectionInfo as unknown as typeof Health.method.check,
        // No message of the method, which only a bug can answer.
        async () => "nothing" as unknown as HealthCheckResponse,
        agentServiceStatus,
      ),
    ],
    limits: LIMITS,
    maxMessageBytes: 64 * 1024,
    clock,
    log: silentLog,
  });
  const blocks = new Map<number, Buffer[]>();
  const reader = new FrameReader(({ type, streamId, payload }) => {
    if (type === FRAME.headers) blocks.set(streamId, [...(blocks.get(streamId) ?? []), Buffer.from(payload)]);
  });
  const write = (bytes: Buffer): boolean => {
    reader.push(Buffer.from(bytes));
    return true;
  };
  const connection = server.open({ write, end: () => undefined, destroy: () => undefined }, {});
  connection.receive(Buffer.concat([PREFACE, settingsFrame([])]));
  return {
    clock,
    server,
    head(stream: number, path: string, ...fields: readonly Header[]): void {
      const block = encodeHeaders([
        [":method", "POST"],
        [":scheme", "http"],
        [":path", path],
        ["content-type", "application/grpc"],
        ...fields,
      ]);
      connection.receive(Buffer.concat([frameHeader(block.length, FRAME.headers, FLAG.endHeaders, stream), block]));
    },
    raw(stream: number, fields: readonly Header[]): void {
      const block = encodeHeaders(fields);
      const flags = FLAG.endHeaders | FLAG.endStream;
      connection.receive(Buffer.concat([frameHeader(block.length, FRAME.headers, flags, stream), block]));
    },
    data(stream: number, bytes: Buffer, flags = 0): void {
      connection.receive(Buffer.concat([frameHeader(bytes.length, FRAME.data, flags, stream), bytes]));
    },
    /** Every header that came on a stream. */
    async answer(stream: number): Promise<Readonly<Record<string, string>>> {
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      const decoder = new HeaderDecoder(65_536);
      return Object.fromEntries((blocks.get(stream) ?? []).flatMap((block) => decoder.decode(block).headers));
    },
  };
}

describe("a call", () => {
  test("is answered with its messages, and a status behind them", async () => {
    const client = connect();
    client.head(1, CHECK);
    client.data(1, EMPTY_MESSAGE, FLAG.endStream);
    expect(await client.answer(1)).toEqual({
      ":status": "200",
      "content-type": "application/grpc+proto",
      "grpc-accept-encoding": "identity",
      "grpc-status": "0",
    });
  });

  test("has its refusal percent-encoded as UTF-8", async () => {
    const client = connect();
    client.head(1, CHECK);
    client.data(1, Buffer.from([0, 0, 0, 0, 6, 0x0a, 4, 0xc3, 0xa4, 0x25, 0x0a]), FLAG.endStream);
    expect(await client.answer(1)).toMatchObject({
      "grpc-status": "5",
      "grpc-message": 'unknown service "%C3%A4%25%0A"',
    });
  });

  test.each([
    ["of no request", Buffer.alloc(0)],
    ["of two", Buffer.concat([EMPTY_MESSAGE, EMPTY_MESSAGE])],
    ["of a compressed one", Buffer.from([1, 0, 0, 0, 0])],
  ])("%s is Unimplemented", async (_what, bytes) => {
    const client = connect();
    client.head(1, CHECK);
    client.data(1, bytes, FLAG.endStream);
    expect(await client.answer(1)).toMatchObject({ "grpc-status": "12" });
  });

  test("with an encoding, or of a method that there is not, is Unimplemented; identity is no encoding", async () => {
    const client = connect();
    client.head(1, CHECK, ["grpc-encoding", "gzip"]);
    client.head(3, "/grpc.health.v1.Health/List");
    client.head(5, CHECK, ["grpc-encoding", "identity"]);
    client.data(5, EMPTY_MESSAGE, FLAG.endStream);
    expect(await client.answer(1)).toMatchObject({ "grpc-status": "12" });
    expect(await client.answer(3)).toMatchObject({ "grpc-status": "12" });
    expect(await client.answer(5)).toMatchObject({ "grpc-status": "0" });
  });

  test("ends when the caller's time is over, not before, and never by a time that cannot be read", async () => {
    const client = connect();
    for (const [stream, timeout] of [
      [1, "100m"],
      [3, "1S"],
      [5, "100"],
      [7, "-1S"],
      [9, "123456789m"],
    ] as const) {
      client.head(stream, WATCH, ["grpc-timeout", timeout]);
      client.data(stream, EMPTY_MESSAGE, FLAG.endStream);
    }
    await client.clock.advance(100);
    expect(await client.answer(1)).toMatchObject({ "grpc-status": "4" });
    expect(await client.answer(3)).not.toHaveProperty("grpc-status");
    await client.clock.advance(900);
    expect(await client.answer(3)).toMatchObject({ "grpc-status": "4" });
    for (const stream of [5, 7, 9]) expect(await client.answer(stream)).not.toHaveProperty("grpc-status");
  });
});

test("what is no gRPC is answered as a web server does", async () => {
  const client = connect();
  const request = (method: string, type: string): readonly Header[] => [
    [":method", method],
    [":scheme", "http"],
    [":path", CHECK],
    ["content-type", type],
  ];
  client.raw(1, request("GET", "application/grpc"));
  client.raw(3, request("POST", "application/json"));
  client.raw(5, request("POST", "application/grpc-web"));
  client.raw(7, request("POST", "application/grpc+proto"));
  expect(await client.answer(1)).toEqual({ ":status": "405" });
  expect(await client.answer(3)).toEqual({ ":status": "415" });
  expect(await client.answer(5)).toEqual({ ":status": "415" });
  expect(await client.answer(7)).toMatchObject({ ":status": "200", "grpc-status": "12" });
});

test("parts of messages behind the end of their calls are not held against the connection", async () => {
  const client = connect();
  const part = Buffer.concat([EMPTY_MESSAGE, EMPTY_MESSAGE, Buffer.from([0, 0, 0, 0x40, 0]), Buffer.alloc(12_000)]);
  for (let call = 0; call < 100; call++) {
    client.head(2 * call + 1, CHECK);
    client.data(2 * call + 1, part);
    // Until the window for the next is there.
    await client.answer(2 * call + 1);
  }
  client.head(1001, CHECK);
  client.data(1001, EMPTY_MESSAGE.subarray(0, 3));
  client.data(1001, EMPTY_MESSAGE.subarray(3), FLAG.endStream);
  expect(await client.answer(1001)).toMatchObject({ "grpc-status": "0" });
});

test("a connection that comes while the server closes is told to go, and keeps nobody waiting", async () => {
  const { server, head, data, clock } = connect();
  head(1, WATCH);
  data(1, EMPTY_MESSAGE, FLAG.endStream);
  const closed = server.close(100);
  let isEnded = false;
  server.open(
    {
      write: () => true,
      end() {
        isEnded = true;
      },
      destroy: () => undefined,
    },
    {},
  );
  expect(isEnded).toBe(true);
  await clock.advance(100);
  await closed;
});

test("an answer that cannot be written is Internal to its caller, and nobody else's trouble", async () => {
  const client = connect();
  client.head(1, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  client.data(1, EMPTY_MESSAGE, FLAG.endStream);
  expect(await client.answer(1)).toMatchObject({ "grpc-status": "13", "grpc-message": "internal error" });
  client.head(3, CHECK);
  client.data(3, EMPTY_MESSAGE, FLAG.endStream);
  expect(await client.answer(3)).toMatchObject({ "grpc-status": "0" });
});
