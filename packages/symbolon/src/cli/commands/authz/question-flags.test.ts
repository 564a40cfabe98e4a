import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT } from "../../exit-status.ts";
import { type QuestionFlags, readQuestion } from "./question-flags.ts";

const FLAGS: QuestionFlags = { to: "foo/httpbin", header: [], filename: [], namespace: "default" };
const GET = { method: "GET", path: "/" };

describe("a question that nobody can ask is refused with its reason", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "question-"));
    writeFileSync(join(directory, "token.jwt"), "a.b.c\n");
    writeFileSync(join(directory, "keys.json"), '{"keys": []}');
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  for (const [what, flags, message, line] of [
    ["a header's name with a blank", { header: ["a b=c"] }, '-H "a b=c": "a b" is no name of a header'],
    ["a host with a blank", { host: "a b" }, '"a b" is no host;'],
    ["a host with a path", { host: "a/b" }, '"a/b" is no host;'],
    ["a path without slash", {}, 'PATH "headers" does not begin with a slash', { method: "GET", path: "headers" }],
    ["a method without path", {}, "give METHOD and PATH", { method: "GET", path: undefined }],
    ["a method with a blank", {}, '"G T" is no method of HTTP', { method: "G T", path: "/" }],
    ["a SPIFFE ID without trust domain", { from: "spiffe://" }, "ERR_SPIFFE_ID_TRUST_DOMAIN_MISSING"],
    ["a SPIFFE ID with dots", { from: "spiffe://a/../b" }, "ERR_SPIFFE_ID_DOT_SEGMENT"],
    ["keys without token", { jwks: "keys.json" }, "--jwks has the keys for a token"],
    ["plaintext with a name of TLS", { plaintext: true, sni: "a" }, "--sni is a name of TLS"],
    ["a host of no request", { host: "a" }, "belong to a request", { method: undefined, path: undefined }],
  ] as const)
    test(what, () => {
      const asked = readQuestion({ ...FLAGS, ...flags }, line ?? GET);
      return expect(asked).rejects.toMatchObject({ status: EXIT.usage, message: expect.stringContaining(message) });
    });

  test("keys that verify nothing, as bad input", async () => {
    const flags = { ...FLAGS, jwt: join(directory, "token.jwt"), jwks: join(directory, "keys.json") };
    const error = { status: EXIT.badInput, message: expect.stringContaining("none of its keys can verify") };
    await expect(readQuestion(flags, GET)).rejects.toMatchObject(error);
  });
});

test("the nearest questions can be asked", async () => {
  const asked = await readQuestion(
    { ...FLAGS, from: "spiffe://a/b", header: ["x-a=b=c", "X-A: d", "host=h"], sni: "a" },
    { method: "M-SEARCH", path: "/" },
  );
  expect(asked).toMatchObject({ from: { spiffeId: "spiffe://a/b" }, sni: "a", isHostGiven: true });
  expect(asked.request).toMatchObject({ method: "M-SEARCH", host: "h", headers: new Map([["x-a", ["b=c", "d"]]]) });
  const bracketed = await readQuestion({ ...FLAGS, host: "[::1]:80" }, GET);
  expect(bracketed.request?.host).toBe("[::1]:80");
});
