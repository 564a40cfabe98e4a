import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createFrameDecoder, encodeMessage, MAX_FRAME_BYTES, parseMessage } from "./frame.ts";

describe("frames", () => {
  test("arrive whole and in order, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.string()), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(encodeMessage));
          const decoder = createFrameDecoder();
          const frames: Buffer[] = [];
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const size = cuts[cut % Math.max(1, cuts.length)] ?? 7;
            frames.push(...decoder.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(frames.map(parseMessage)).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message))));
        },
      ),
    );
  });

  test("a frame of the largest size passes, one byte more is refused at its header", () => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(MAX_FRAME_BYTES);
    expect(createFrameDecoder().push(header)).toEqual([]);
    header.writeUInt32BE(MAX_FRAME_BYTES + 1);
    expect(() => createFrameDecoder().push(header)).toThrow(
      `a frame of ${MAX_FRAME_BYTES + 1} bytes is over the limit of ${MAX_FRAME_BYTES}`,
    );
  });

  test("what is not a JSON object is refused, without a word of its content", () => {
    for (const content of ["a secret", '"a secret"', "[1]", "null", "{"])
      expect(() => parseMessage(Buffer.from(content))).toThrow(/^a frame does not hold (JSON|a JSON object)$/);
  });

  test("random bytes never end in anything but a coded error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const frame of createFrameDecoder(100).push(bytes)) parseMessage(frame);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("ERR_FRAME_INVALID");
        }
      }),
    );
  });
});
