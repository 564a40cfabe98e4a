import { describe, expect, test } from "bun:test";
import { productError } from "../../core/index.ts";
import { chooseCapture } from "./choose-capture.ts";

const allowed = async () => undefined;
const forbidden = (code: "ERR_NAMESPACES_FORBIDDEN" | "ERR_PROGRAM_MISSING" | "ERR_INTERNAL_BUG") => () =>
  Promise.reject(productError(code, "the kernel says no"));

describe("chooseCapture", () => {
  test("auto is transparent where the machine allows it", async () => {
    expect((await chooseCapture("auto", allowed)).mode).toBe("transparent");
  });

  test.each(["ERR_NAMESPACES_FORBIDDEN", "ERR_PROGRAM_MISSING"] as const)(
    "auto is explicit where it does not (%s), and the reason is what forbids it",
    async (code) => {
      expect(await chooseCapture("auto", forbidden(code))).toEqual({ mode: "explicit", reason: "the kernel says no" });
    },
  );

  test("any other failure is nobody's reason to do without a boundary", async () => {
    await expect(chooseCapture("auto", forbidden("ERR_INTERNAL_BUG"))).rejects.toMatchObject({
      code: "ERR_INTERNAL_BUG",
    });
    await expect(chooseCapture("auto", () => Promise.reject(new Error("bug")))).rejects.toThrow("bug");
  });

  test("transparent by name never becomes anything else", async () => {
    expect((await chooseCapture("transparent", allowed)).mode).toBe("transparent");
    await expect(chooseCapture("transparent", forbidden("ERR_NAMESPACES_FORBIDDEN"))).rejects.toMatchObject({
      code: "ERR_NAMESPACES_FORBIDDEN",
    });
  });

  test("explicit by name asks nobody", async () => {
    const asked = () => Promise.reject(new Error("asked"));
    expect(await chooseCapture("explicit", asked)).toEqual({ mode: "explicit", reason: "--capture explicit" });
  });
});
