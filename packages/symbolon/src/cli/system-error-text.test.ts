import { describe, expect, test } from "bun:test";
import { systemErrorText } from "./system-error-text.ts";

describe("what the system refused", () => {
  test("is said in words, and an error of another kind in its own", () => {
    const error = (code: string) => Object.assign(new Error(`${code}: something, open '/x'`), { code });
    expect(["ENOENT", "EACCES", "EISDIR", "ENOTDIR"].map((code) => systemErrorText(error(code)))).toEqual([
      "no such file or directory",
      "permission denied",
      "it is a directory",
      "a part of the path is not a directory",
    ]);
    expect(systemErrorText(error("EIO"))).toBe("EIO: something, open '/x'");
    expect(systemErrorText("text")).toBe("text");
  });
});
