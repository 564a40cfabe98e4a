import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { grpcError, statusOfHttp } from "./grpc-status.ts";
import { frameMessage, MessageReader } from "./message-frames.ts";
import { bytesOf, mapEntryOf, type ProtobufField, readFields, stringOf } from "./protobuf-reader.ts";
import { encodeField, encodeMap, encodeMessageField, encodeVarint } from "./protobuf-writer.ts";

const INVALID = { code: "ERR_WORKLOAD_API_RESPONSE_INVALID" };
const fieldsOf = (...bytes: number[]) => [...readFields(Uint8Array.from(bytes))];
const onlyField = (message: Uint8Array): ProtobufField => {
  const [field, ...more] = readFields(message);
  assert.ok(field && more.length === 0);
  return field;
};

describe("a protobuf message", () => {
  test("what is written is read", () => {
    assert.equal(stringOf(onlyField(encodeField(3, "a€"))), "a€");
    assert.deepEqual(mapEntryOf(onlyField(encodeMap(2, [["k", Uint8Array.of(7)]]))), ["k", Uint8Array.of(7)]);
    assert.equal(encodeField(1, "").length, 0);
    assert.equal(bytesOf(onlyField(encodeMessageField(1, new Uint8Array()))).length, 0);
    for (const value of [0, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual(fieldsOf(8, ...encodeVarint(value)), [{ number: 1, wireType: 0, value: BigInt(value) }]);
    }
  });

  test("fields of every wire type of proto3 are passed on, for the reader to skip those it does not know", () => {
    const fields = fieldsOf(0x08, 1, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 1, 9, 0x25, 1, 2, 3, 4);
    assert.deepEqual(
      fields.map(({ number, wireType }) => [number, wireType]),
      [
        [1, 0],
        [2, 1],
        [3, 2],
        [4, 5],
      ],
    );
  });

  test("64 bits are a number, 65 and an eleventh byte are not", () => {
    const nine = Array<number>(9).fill(0xff);
    assert.deepEqual(fieldsOf(8, ...nine, 1), [{ number: 1, wireType: 0, value: 2n ** 64n - 1n }]);
    assert.throws(() => fieldsOf(8, ...nine, 2), INVALID);
    assert.throws(() => fieldsOf(8, ...nine, 0x80, 0), INVALID);
  });

  const hostile: readonly (readonly [string, readonly number[]])[] = [
    ["ends inside a tag", [0x80]],
    ["ends before a number", [0x08]],
    ["ends inside a field", [0x0a, 2, 1]],
    ["ends inside eight bytes", [0x09, 1, 2, 3, 4, 5, 6, 7]],
    ["ends inside four bytes", [0x0d, 1, 2, 3]],
    ["has a field of 2^63 bytes", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]],
    ["has field number 0", [0x02, 0]],
    ["has field number 2^29", [0x80, 0x80, 0x80, 0x80, 0x10, 0]],
    ["begins a group", [0x0b]],
    ["ends a group", [0x0c]],
    ["has wire type 6", [0x0e]],
  ];
  for (const [name, bytes] of hostile) {
    test(`one that ${name} is refused`, () => assert.throws(() => fieldsOf(...bytes), INVALID));
  }

  test("a number where bytes are wanted, and bytes that are not UTF-8, are refused", () => {
    assert.throws(() => bytesOf(onlyField(Uint8Array.of(8, 1))), INVALID);
    assert.throws(() => stringOf(onlyField(Uint8Array.of(0x0a, 1, 0xff))), INVALID);
  });
});

describe("frames", () => {
  test("messages are put together from chunks cut anywhere", () => {
    const reader = new MessageReader(10);
    const bytes = [
      ...frameMessage(Uint8Array.of(1, 2)),
      ...frameMessage(new Uint8Array()),
      ...frameMessage(Uint8Array.of(3)),
    ];
    const messages = bytes.flatMap((byte) => reader.push(Uint8Array.of(byte)));
    assert.deepEqual(
      messages.map((message) => [...message]),
      [[1, 2], [], [3]],
    );
    assert.equal(reader.hasRest, false);
    assert.equal(new MessageReader(10).push(Uint8Array.from(bytes)).length, 3);
    reader.push(Uint8Array.of(0));
    assert.equal(reader.hasRest, true);
  });

  test("a message of the limit is taken, one more byte is refused from the prefix alone", () => {
    assert.equal(new MessageReader(10).push(frameMessage(new Uint8Array(10))).length, 1);
    assert.throws(() => new MessageReader(10).push(Uint8Array.of(0, 0, 0, 0, 11)), {
      code: "ERR_WORKLOAD_API_RESPONSE_TOO_LARGE",
    });
  });

  test("a compressed message is refused, as none was asked for", () => {
    assert.throws(() => new MessageReader(10).push(Uint8Array.of(1, 0, 0, 0, 0)), INVALID);
  });
});

describe("a gRPC status", () => {
  test("has the code that the Workload Endpoint gives it (appendix A), and every other one is a failure", () => {
    const codes = [3, 4, 7, 12, 14, 13, 99].map((status) => grpcError("M", status, "").code);
    assert.deepEqual(
      codes,
      ["REFUSED", "DEADLINE", "NO_IDENTITY", "UNIMPLEMENTED", "UNAVAILABLE", "FAILED", "FAILED"].map(
        (name) => `ERR_WORKLOAD_API_${name}`,
      ),
    );
  });

  test("its text is decoded, cannot steer a terminal, and is never a reason to lose the status", () => {
    assert.match(grpcError("M", 7, "no%20identity").message, /permissionDenied: no identity$/);
    assert.match(grpcError("M", 7, "%1b[2J").message, /\?\[2J$/);
    assert.match(grpcError("M", 7, "100%").message, /100%$/);
  });

  test("of an answer that is not gRPC's follows from the HTTP status", () => {
    assert.deepEqual(
      [400, 401, 403, 404, 429, 502, 503, 504, 500].map(statusOfHttp),
      [13, 16, 7, 12, 14, 14, 14, 14, 2],
    );
  });
});
