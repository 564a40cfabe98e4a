/** Istio's own validation cases, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Finding, formatFinding, type ParseResult } from "./document/index.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const FOLDER = fileURLToPath(new URL("../../../../shared/vectors/istio-tables/", import.meta.url));

interface ValidationCase {
  readonly case: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly valid: boolean;
  readonly warned: boolean;
  readonly error?: string;
  readonly warning?: string;
}
interface ValidationTable {
  readonly count: number;
  readonly cases: readonly ValidationCase[];
}

interface Kind {
  readonly apiVersion: string;
  readonly parse: (envelope: ObjectEnvelope) => ParseResult<unknown>;
  /** Specs that lost their empty list or map on the way into JSON, as they are in Istio's test. */
  readonly restored?: Readonly<Record<string, unknown>>;
  /** Where Istio's text is its parser's and ours says the same of the same field: name of the case, what ours says. */
  readonly ownWords?: Readonly<Record<string, RegExp>>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  PeerAuthentication: {
    apiVersion: "security.istio.io/v1",
    parse: (envelope) => parsePeerAuthentication(envelope),
    restored: { "empty port level mtls": { selector: { matchLabels: { app: "httpbin" } }, portLevelMtls: {} } },
  },
  AuthorizationPolicy: {
    apiVersion: "security.istio.io/v1",
    parse: (envelope) => parseAuthorizationPolicy(envelope),
    restored: { "from-empty": { rules: [{ from: [] }] }, "to-empty": { rules: [{ to: [] }] } },
    ownWords: {
      // The empty address and port are named as what they are: empty.
      "Ports-empty": /empty value not allowed, found in Ports$/m,
      "dry-run-invalid-value": /has annotation istio\.io\/dry-run with invalid value \(foo\)/,
      "invalid ip and port in ipBlocks": /bad IP address \(ip2\)/,
    },
  },
  RequestAuthentication: {
    apiVersion: "security.istio.io/v1",
    parse: (envelope) => parseRequestAuthentication(envelope),
    // What a JSON parser says about a text is its own matter.
    ownWords: { "jwks error": /spec\.jwtRules\[0\]\.jwks: jwks parse error: failed to unmarshal JWK set/ },
  },
  DestinationRule: {
    apiVersion: "networking.istio.io/v1",
    parse: (envelope) => parseDestinationRule(envelope),
  },
};

for (const [kind, rules] of Object.entries(KINDS)) {
  const path = `${FOLDER}validation-${kind.toLowerCase()}.json`;
  if (!existsSync(path)) console.log(`no tests with validation-${kind.toLowerCase()}.json: ${FOLDER} does not have it`);
  else
    describe(`Istio's validation of ${kind}`, () => {
      const { cases, count } = JSON.parse(readFileSync(path, "utf8")) as ValidationTable;
      for (const [index, vector] of cases.entries())
        test(`${index} ${vector.case}`, () => checkCase(vector, { kind, ...rules }));
      test("the table is read whole", () => assert.equal(cases.length, count));
    });
}

function checkCase(vector: ValidationCase, { kind, apiVersion, parse, restored, ownWords }: Kind & { kind: string }) {
  const { annotations, name = "name", namespace = "namespace" } = vector;
  const spec = restored?.[vector.case] ?? vector.spec;
  const metadata = { name, namespace, ...(annotations ? { annotations } : {}) };
  const { findings } = validate(JSON.stringify({ apiVersion, kind, metadata, spec }), parse);
  const errors = findings.filter(({ severity }) => severity === "error");
  const warnings = findings.filter(({ severity }) => severity === "warning");
  const text = (list: readonly Finding[]) => list.map(formatFinding).join("\n");
  assert.equal(errors.length === 0, vector.valid, text(errors));
  if (vector.error !== undefined) {
    const own = ownWords?.[vector.case];
    if (own) assert.match(text(errors), own);
    else
      assert.ok(
        istioMessages(vector.error).some((message) => errors.some((error) => error.message.includes(message))),
        `${vector.error}\n${text(errors)}`,
      );
  }
  if (vector.valid)
    assert.deepEqual(
      warnings.map(({ message }) => message),
      vector.warning === undefined ? [] : [vector.warning],
    );
}

function validate(text: string, parse: Kind["parse"]): ParseResult<unknown> {
  const [node] = parseYamlDocuments(text, "f.json").documents;
  assert.ok(node);
  const envelope = parseEnvelope(node);
  return envelope.kind === "parsed" ? parse(envelope.value) : envelope;
}

/** The single messages of a Go multi-error, without the object's name in front. */
function istioMessages(error: string): string[] {
  const lines = error.includes("occurred:\n") ? error.split("\n\t* ").slice(1) : [error];
  return lines.map((line) =>
    line
      .trim()
      .replace(/^invalid policy [^:]*: /, "")
      .replace(/ \d+ errors? occurred:$/, ""),
  );
}
