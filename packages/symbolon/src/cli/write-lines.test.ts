import { expect, test } from "bun:test";
import { Writable } from "node:stream";
import { writeLines } from "./write-lines.ts";

/** A reader that takes nothing until it is told to. */
function stalledReader() {
  const taken: string[] = [];
  let take: (() => void) | undefined;
  const stream = new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString());
      take = () => done();
    },
  });
  return { stream, taken, take: () => take?.() };
}

const MIB = 1024 * 1024;
const never = new AbortController().signal;

/** Whether it has come back although nobody has read. */
const isBack = (work: Promise<void>): Promise<boolean> =>
  Promise.race([work.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]);

test("lines go out in one piece", async () => {
  const { stream, taken } = stalledReader();
  await writeLines(stream, ["one", "two"], never);
  expect(taken).toEqual(["one\ntwo\n"]);
});

test("nobody waits for a reader that is behind, until a mebibyte waits", async () => {
  const { stream, take } = stalledReader();
  expect(await isBack(writeLines(stream, ["x".repeat(MIB - 1)], never))).toBe(true);
  const work = writeLines(stream, [""], never);
  expect(await isBack(work)).toBe(false);
  take();
  take();
  await work;
  expect(stream.listenerCount("drain")).toBe(0);
});

test("an end that is asked for ends the wait", async () => {
  const { stream } = stalledReader();
  const stopping = new AbortController();
  const work = writeLines(stream, ["x".repeat(MIB)], stopping.signal);
  expect(await isBack(work)).toBe(false);
  stopping.abort();
  await work;
  expect(await isBack(writeLines(stream, ["y"], stopping.signal))).toBe(true);
  expect(stream.listenerCount("drain")).toBe(0);
});
