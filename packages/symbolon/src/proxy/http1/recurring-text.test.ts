import { expect, test } from "bun:test";
import { RecurringText } from "./recurring-text.ts";

test("a text is the one of its bytes, whatever came before", () => {
  const text = new RecurringText();
  for (const wanted of ["/a", "/a", "/b", "/bc", "", "\xe9\xff", "\xe9\xfe", "x".repeat(257), "/a"]) {
    const bytes = Buffer.from(`<${wanted}>`, "latin1");
    expect(text.read(bytes, 1, 1 + wanted.length)).toBe(wanted);
  }
});
