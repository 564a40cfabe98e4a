import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { HTTP_LIMITS } from "./http-limits.ts";
import { HTTP1_LIMITS, MESSAGE_ERRORS } from "./http1/index.ts";

const page = readFileSync(new URL("../../../../docs/reference/http.md", import.meta.url), "utf8");
const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (.+) \|$/gm)].map(([, name, value]) => [name, Number(value)]);

test("docs/reference/http.md has every limit and every code with its value, and no other", () => {
  const codes = Object.values(MESSAGE_ERRORS).map(({ code, status }) => [code, status]);
  expect(rows).toEqual([...Object.entries(HTTP_LIMITS), ...Object.entries(HTTP1_LIMITS), ...codes]);
});
