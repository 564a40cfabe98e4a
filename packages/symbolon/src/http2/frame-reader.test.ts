import { expect, test } from "bun:test";
import { type Frame, FrameReader } from "./frame-reader.ts";
import { frameHeader, pingFrame, settingsFrame } from "./frame-writer.ts";
import { ConnectionError, FRAME, H2_ERROR, MAX_FRAME_BYTES } from "./protocol.ts";

const BYTES = Buffer.concat([
  settingsFrame([[1, 2]]),
  pingFrame(Buffer.from("12345678"), false),
  frameHeader(0, FRAME.data, 1, 3),
  frameHeader(2, 0x77, 0xff, 0x7fff_ffff),
  Buffer.from("xy"),
]);

function framesOf(...chunks: readonly Buffer[]): readonly string[] {
  const frames: string[] = [];
  const reader = new FrameReader(({ type, flags, streamId, payload }: Frame) =>
    frames.push(`${type} ${flags} ${streamId} ${payload.toString("hex")}`),
  );
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

test("frames are the same however they arrive: in every two parts, and octet by octet", () => {
  const whole = framesOf(BYTES);
  expect(whole).toEqual(["4 0 0 000100000002", "6 0 0 3132333435363738", "0 1 3 ", "119 255 2147483647 7879"]);
  for (let cut = 0; cut <= BYTES.length; cut++)
    expect(framesOf(BYTES.subarray(0, cut), BYTES.subarray(cut))).toEqual(whole);
  expect(framesOf(...Array.from(BYTES, (octet) => Buffer.of(octet)))).toEqual(whole);
});

test("the reserved bit of a stream's number is ignored", () => {
  expect(framesOf(frameHeader(0, FRAME.data, 0, 0x8000_0001))).toEqual(["0 0 1 "]);
});

test("a frame may have 16,384 octets, one more ends the connection before it has come", () => {
  const largest = Buffer.concat([frameHeader(MAX_FRAME_BYTES, FRAME.data, 0, 1), Buffer.alloc(MAX_FRAME_BYTES)]);
  expect(framesOf(largest)).toHaveLength(1);
  for (const chunks of [[0], [5]])
    try {
      const header = frameHeader(MAX_FRAME_BYTES + 1, FRAME.data, 0, 1);
      framesOf(header.subarray(0, chunks[0]), header.subarray(chunks[0]));
      throw new Error("it was taken");
    } catch (error) {
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as ConnectionError).code).toBe(H2_ERROR.frameSizeError);
    }
});
