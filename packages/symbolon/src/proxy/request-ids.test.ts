import { expect, test } from "bun:test";
import { systemRandom } from "@symbolon/spiffe/core";
import { createRequestIds } from "./request-ids.ts";

test("no id comes twice, also when random bytes are got anew", () => {
  const next = createRequestIds(systemRandom);
  const ids = Array.from({ length: 1000 }, next);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
