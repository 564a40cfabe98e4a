import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { EXIT } from "./exit-status.ts";
import { readTextOf } from "./read-text.ts";

const PROGRAM = resolve(import.meta.dir, "../../bin/symbolon.ts");

describe("what is no text is refused", () => {
  for (const [what, file, why] of [
    ["a device that never ends", "/dev/zero", "it has more than 64 MiB"],
    ["a file that is not there", "/nowhere/at/all", "no such file or directory"],
    ["a program", process.execPath, /64 MiB|UTF-8/],
  ] as const)
    test(what, () => {
      const error = { status: EXIT.badInput, message: expect.stringMatching(why) };
      expect(() => readTextOf(file, "the name")).toThrow(expect.objectContaining(error));
    });

  test("an empty file is a text", () => {
    expect(readTextOf("/dev/null", "nothing")).toBe("");
  });

  for (const [what, input, status, says] of [
    ["bytes on standard input", "printf '\\377'", EXIT.badInput, "it is not UTF-8 text"],
    ["standard input that never ends", "cat /dev/zero", EXIT.badInput, "it has more than 64 MiB"],
    ["nothing on standard input is no mistake", "true", EXIT.ok, ""],
  ] as const)
    test(what, () => {
      const { exitCode, stderr } = Bun.spawnSync({
        cmd: ["sh", "-c", `${input} | ${process.execPath} ${PROGRAM} analyze -`],
      });
      expect([exitCode, stderr.toString()]).toEqual([status, expect.stringContaining(says)]);
    });
});
