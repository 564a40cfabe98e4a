import { expect, test } from "bun:test";
import { timestamp } from "./timestamp.ts";

test("a timestamp is what Date makes of it, in whatever order they are asked for", () => {
  const now = Date.UTC(2026, 10, 26, 23, 59, 59, 999);
  for (const ms of [now, now, now + 1, now - 1, now - 999, now - 1000, 0, -1, now + 86_400_000])
    expect(timestamp(ms)).toBe(new Date(ms).toISOString());
});
