import { describe, expect, test } from "bun:test";
import type { AuditEvent } from "../core/index.ts";
import { createAuditOnce } from "./audit-once.ts";

const event = (actor: string): AuditEvent => ({ kind: "request.deny", outcome: "refused", actor });

describe("an event that is audited once", () => {
  test("is written once, also while the first write is on its way, until it is forgotten", async () => {
    const { lines, once } = fixture();
    await Promise.all([once.write("a", event("1")), once.write("a", event("1"))]);
    await once.write("a", event("1"));
    await once.write("b", event("2"));
    expect(lines).toEqual(["1", "2"]);
    once.forget("a");
    await once.write("a", event("1"));
    expect(lines).toEqual(["1", "2", "1"]);
  });

  test("is tried again when its write failed", async () => {
    const { lines, once, state } = fixture();
    state.failing = true;
    await expect(once.write("a", event("1"))).rejects.toThrow("disk full");
    state.failing = false;
    await once.write("a", event("1"));
    expect(lines).toEqual(["1"]);
  });

  test("is doubled rather than kept in memory for ever", async () => {
    const { lines, once } = fixture(2);
    for (const key of ["a", "b", "c", "c", "b", "a"]) await once.write(key, event(key));
    expect(lines).toEqual(["a", "b", "c", "a"]);
  });
});

function fixture(remembered?: number) {
  const lines: string[] = [];
  const state = { failing: false };
  const once = createAuditOnce(
    {
      async write({ actor }) {
        if (state.failing) throw new Error("disk full");
        lines.push(actor);
      },
    },
    remembered,
  );
  return { lines, once, state };
}
