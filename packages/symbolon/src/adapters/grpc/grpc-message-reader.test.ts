import { expect, test } from "bun:test";
import { frameMessage, GrpcMessageReader, HeldBytes } from "./grpc-message-reader.ts";

const frames = Buffer.concat(["", "one", "two and more"].map((text) => frameMessage(Buffer.from(text))));

test("every cut of the bytes in two, and each byte for itself, gives the same messages", () => {
  for (let cut = 0; cut <= frames.length; cut++) {
    const pieces = [frames.subarray(0, cut), frames.subarray(cut)];
    expect(read(pieces)).toEqual(["", "one", "two and more"]);
  }
  expect(read([...frames].map((byte) => Buffer.of(byte)))).toEqual(["", "one", "two and more"]);
});

test("a message of the limit is read, one byte more is refused", () => {
  expect(read([frameMessage(Buffer.alloc(20))])).toHaveLength(1);
  expect(() => read([frameMessage(Buffer.alloc(21))])).toThrow("message of 21 bytes, the limit is 20");
});

test("a compressed message is refused, as is any other flag", () => {
  for (const flag of [1, 2, 255]) expect(() => read([Buffer.of(flag, 0, 0, 0, 0)])).toThrow("compressed");
});

test("parts of all messages of a connection count together, until they are released", () => {
  const held = new HeldBytes(10);
  const first = new GrpcMessageReader(20, held);
  first.push(frameMessage(Buffer.alloc(20)).subarray(0, 8), () => undefined);
  const second = new GrpcMessageReader(20, held);
  expect(() => second.push(Buffer.alloc(3), () => undefined)).toThrow("unfinished messages");
  second.release();
  first.release();
  new GrpcMessageReader(20, held).push(frameMessage(Buffer.alloc(20)).subarray(0, 10), () => undefined);
});

function read(pieces: readonly Buffer[]): readonly string[] {
  const messages: string[] = [];
  const reader = new GrpcMessageReader(20, new HeldBytes(100));
  for (const piece of pieces) reader.push(piece, (message) => messages.push(message.toString()));
  expect(reader.isEmpty).toBe(true);
  return messages;
}
