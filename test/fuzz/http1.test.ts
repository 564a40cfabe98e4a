import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fuzzHttp1 } from "./http1-target.ts";

const EXECUTIONS = Number(process.env.EXECUTIONS ?? 100_000);

test(`HTTP/1.1 parsers, detection of HTTP and of TLS: ${EXECUTIONS} executions without a finding`, () => {
  const { inputs }: { inputs: readonly string[] } = JSON.parse(
    readFileSync(new URL("./corpus/http1.json", import.meta.url), "utf8"),
  );
  const corpus = inputs.map((input) => Buffer.from(input, "latin1"));
  const { hellos }: { hellos: readonly string[] } = JSON.parse(
    readFileSync(new URL("./corpus/client-hello.json", import.meta.url), "utf8"),
  );
  const result = fuzzHttp1({
    executions: EXECUTIONS,
    seed: 1,
    corpus,
    hellos: hellos.map((hello) => Buffer.from(hello, "base64")),
  });
  expect(result.finding).toBeUndefined();
  // It has to come past the first line, and to the rarer refusals.
  expect(result.admitted).toBeGreaterThan(EXECUTIONS / 50);
  expect(result.kinds).toBeGreaterThan(40);
});
