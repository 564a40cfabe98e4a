import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readRequests } from "../../../../../test/fakes/http1-transcript.ts";

interface Vector {
  readonly id: string;
  /** One character a byte. */
  readonly raw: string;
  readonly verdict: "accept" | "reject";
  readonly code?: string;
  /** `METHOD target @authority` of every request that is admitted. */
  readonly requests?: readonly string[];
  readonly body?: string;
}

const FILE = new URL("../../../../../test/vectors/http1-ambiguous.json", import.meta.url);
const { requests }: { requests: readonly Vector[] } = JSON.parse(readFileSync(FILE, "utf8"));

describe("ambiguous requests", () => {
  test("at least 150, each told apart from the others", () => {
    expect(requests.length).toBeGreaterThanOrEqual(150);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(requests.length);
    expect(new Set(requests.map(({ raw }) => raw)).size).toBe(requests.length);
  });

  for (const vector of requests)
    test(`${vector.verdict}: ${vector.id}`, () => {
      const bytes = Buffer.from(vector.raw, "latin1");
      const transcript = readRequests([bytes]);
      if (vector.verdict === "reject") {
        expect(transcript.error as string | undefined).toBe(vector.code);
        expect(transcript.messages).toEqual([]);
      } else {
        expect(transcript.error).toBeUndefined();
        expect(transcript.messages.map(({ start }) => start)).toEqual([...(vector.requests ?? [])]);
        expect(transcript.messages[0]?.body).toBe(vector.body ?? "");
      }
      for (let cut = 1; cut < bytes.length; cut++)
        expect(readRequests([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(transcript);
    });
});
