/** Requests of a public test suite, from a folder beside the checkout; where it is missing no test is registered. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readRequests } from "../../../../../test/fakes/http1-transcript.ts";

const FILE = fileURLToPath(new URL("../../../../../../shared/vectors/http1/llhttp-requests.json", import.meta.url));

interface Vector {
  readonly id: string;
  readonly expect: "accept" | "reject" | "either";
  readonly raw_base64: string;
}

if (!existsSync(FILE)) console.log(`not run: ${FILE} is missing`);
else {
  const { vectors }: { vectors: readonly Vector[] } = JSON.parse(readFileSync(FILE, "utf8"));
  describe("requests of llhttp's suite", () => {
    test("there are 135", () => expect(vectors.length).toBe(135));
    for (const vector of vectors)
      test(`${vector.expect}: ${vector.id}`, () => {
        const bytes = Buffer.from(vector.raw_base64, "base64");
        const transcript = readRequests([bytes]);
        if (vector.expect === "accept") expect(transcript.messages.length).toBeGreaterThan(0);
        if (vector.expect === "reject") expect(transcript.error).toBeDefined();
        expect(transcript.messages.map(({ start }) => start).join()).not.toContain("/smuggled");
        const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
        expect(readRequests(pieces)).toEqual(transcript);
      });
  });
}
