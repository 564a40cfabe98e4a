import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { HTTP_LIMITS } from "./http-limits.ts";
import { HTTP1_LIMITS, MESSAGE_ERRORS } from "./http1/index.ts";
import { PROXY_LIMITS } from "./ports.ts";

/** Rows of a page whose first cell is a name and whose second one is a number. */
function rowsOf(page: string): readonly (readonly [string, number])[] {
  const text = readFileSync(new URL(`../../../../docs/reference/${page}`, import.meta.url), "utf8");
  return [...text.matchAll(/^\| `(\w+)` \| (\d+) \| (.+) \|$/gm)].map(([, name = "", value]) => [name, Number(value)]);
}

test("docs/reference/limits.md has every limit with its default, and no other", () => {
  const limits = [PROXY_LIMITS, HTTP_LIMITS, HTTP1_LIMITS].flatMap((table) => Object.entries(table));
  expect(rowsOf("limits.md")).toEqual(limits);
  expect(new Set(limits.map(([name]) => name)).size).toBe(limits.length);
});

test("docs/reference/http.md has every code with its status, and no other", () => {
  expect(rowsOf("http.md")).toEqual(Object.values(MESSAGE_ERRORS).map(({ code, status }) => [code, status]));
});
