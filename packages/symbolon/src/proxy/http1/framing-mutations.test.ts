import { describe, expect, test } from "bun:test";
import { framingMutations } from "../../../../../test/fakes/http1-mutations.ts";
import { readRequests } from "../../../../../test/fakes/http1-transcript.ts";

const mutations = framingMutations();

describe("spellings of Transfer-Encoding beside a Content-Length", () => {
  test("at least 600", () =>
    expect(new Set(mutations.map(({ raw }) => raw.toString("latin1"))).size).toBeGreaterThanOrEqual(600));

  test("each is refused, or framed in the one way that nobody can doubt", () => {
    const wrong = mutations
      .filter(({ raw, expected }) => framingOf(raw) !== expected)
      .map(({ id, raw, expected }) => `${id}: ${expected}, was ${framingOf(raw)}`);
    expect(wrong).toEqual([]);
  });

  test("some of each kind", () => {
    const kinds = Object.groupBy(mutations, ({ expected }) => expected);
    expect(kinds.refused?.length).toBeGreaterThan(300);
    expect(kinds.length?.length).toBeGreaterThan(30);
    expect(kinds.chunked?.length).toBeGreaterThan(10);
    expect(kinds.none?.length).toBeGreaterThan(15);
  });
});

/** What comes after the request is its content, or a second request that nobody sent. */
function framingOf(raw: Buffer): string {
  const { messages, unfinished, error } = readRequests([raw]);
  const [first] = messages;
  if (first?.framing === "none") return "none";
  if (error !== undefined) return "refused";
  return unfinished || messages.length !== 1 ? "odd" : (first?.framing.split(" ")[0] ?? "odd");
}
