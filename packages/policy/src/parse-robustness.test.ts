import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import type { AuthorizationPolicy } from "./authorization-policy.ts";
import {
  type DocumentNode,
  documentToJson,
  formatFinding,
  hasErrors,
  type JsonValue,
  type ParseResult,
} from "./document/index.ts";
import { expandLists } from "./expand-lists.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { parseMeshConfig } from "./parse-mesh-config.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

/** How many documents are tried; the slow suite wants 100,000. */
const MUTATIONS = Number(process.env.PARSE_MUTATIONS ?? 5_000);
/** A machine may be busy. */
const SLOW = { timeout: 600_000 };
const SAMPLES = fileURLToPath(new URL("../../../../shared/vectors/istio-samples/", import.meta.url));

const PARSERS: Readonly<Record<string, (envelope: ObjectEnvelope) => ParseResult<unknown>>> = {
  AuthorizationPolicy: (envelope) => parseAuthorizationPolicy(envelope),
  RequestAuthentication: (envelope) => parseRequestAuthentication(envelope),
  PeerAuthentication: (envelope) => parsePeerAuthentication(envelope),
  DestinationRule: (envelope) => parseDestinationRule(envelope),
};

const POLICY: JsonValue = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "p", namespace: "foo" },
  spec: {
    selector: { matchLabels: { app: "web" } },
    action: "DENY",
    rules: [
      {
        from: [
          { source: { principals: ["td/ns/a/sa/b", "*"], notRequestPrincipals: ["i/s"], ipBlocks: ["10.0.0.0/8"] } },
          { source: { serviceAccounts: ["a/b"], trustDomains: ["*.td"], remoteIpBlocks: ["::1"] } },
        ],
        to: [{ operation: { hosts: ["a.com"], ports: ["80"], methods: ["GET"], notPaths: ["/a/{*}"] } }],
        when: [
          { key: "source.ip", values: ["1.2.3.4"] },
          { key: "request.headers[a]", notValues: ["b", "c"] },
        ],
      },
    ],
  },
};

interface WrittenSpec {
  readonly action?: string;
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly rules?: JsonValue;
}

/** What a value is replaced with: other types, nothing, and texts that are almost right. */
const garbage = fc.constantFrom<JsonValue>(
  null,
  true,
  0,
  1.5,
  "",
  [],
  {},
  [null],
  [[]],
  { "": "" },
  { __proto__x: 1 },
  [""],
  [{}],
);

describe("whatever a policy looks like", () => {
  test("garbling one element refuses the policy, or leaves one that says what was written", SLOW, () => {
    const places = placesIn(POLICY);
    fc.assert(
      fc.property(fc.constantFrom(...places), garbage, (place, value) => {
        const garbled = replaceAt(POLICY, place, value);
        const result = parseJson(garbled);
        if (result.kind === "refused") return assert.ok(hasErrors(result.findings));
        // Accepted: it must be a value that is legal there and read as itself, never a matcher that has gone.
        const { spec = {} } = garbled as { readonly spec?: WrittenSpec };
        const { action, selector } = result.value as AuthorizationPolicy;
        assert.deepEqual(writtenRules(result.value), spec.rules ?? [], place.join("."));
        assert.equal(action, (spec.action ?? "ALLOW").toLowerCase(), place.join("."));
        // A selector that selects nothing in particular is legal, and is said.
        if (selector) assert.deepEqual(selector.matchLabels, spec.selector?.matchLabels, place.join("."));
        else assert.ok(!spec.selector || result.findings.some(({ code }) => code === "SYM0303"), place.join("."));
      }),
      { seed: 5, numRuns: 2000 },
    );
  });

  test("removing an entry of a list of values or a whole field never goes unseen in what is read", () => {
    for (const place of placesIn(POLICY).filter(([top, field]) => top === "spec" && field === "rules")) {
      const removed = removeAt(POLICY, place);
      const result = parseJson(removed);
      if (result.kind === "parsed")
        assert.deepEqual(writtenRules(result.value), (removed as { spec: { rules?: JsonValue } }).spec.rules ?? []);
    }
  });

  test(`${MUTATIONS} mutated documents are read or refused with a code, and nothing is thrown`, SLOW, () => {
    const seeds = [JSON.stringify(POLICY), ...SEEDS];
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.nat(6),
      text: fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 4 })),
    });
    let documents = 0;
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 4 }), (seed, edits) => {
        let text = seed;
        for (const { at, length, text: inserted } of edits) {
          const start = Math.floor(at * text.length);
          text = text.slice(0, start) + inserted + text.slice(start + length);
        }
        const parsed = parseYamlDocuments(text, "f.yaml");
        for (const finding of parsed.findings) assert.match(finding.code, /^SYM\d{4}$/);
        for (const node of parsed.documents) {
          documents += 1;
          const result = seed.startsWith("rootNamespace") ? parseMeshConfig(node) : readObjectOf(node);
          for (const finding of result.findings) assert.match(formatFinding(finding), /SYM\d{4}/);
          assert.equal(result.kind === "refused", hasErrors(result.findings));
        }
      }),
      { seed: 6, numRuns: MUTATIONS },
    );
    assert.ok(documents > MUTATIONS * 0.3, `${documents} documents were YAML`);
  });
});

if (!existsSync(SAMPLES)) console.log(`no tests with istio-samples: ${SAMPLES} does not exist`);
else
  test("Istio's samples of these kinds are read without an error", () => {
    let count = 0;
    for (const file of yamlFiles(SAMPLES)) {
      const { documents } = expandLists(parseYamlDocuments(readFileSync(file, "utf8"), file).documents);
      for (const node of documents) {
        if (!isOurs(node)) continue;
        count += 1;
        const result = readObjectOf(node);
        assert.equal(result.kind, "parsed", result.findings.map(formatFinding).join("\n"));
      }
    }
    assert.ok(count >= 10, `${count} objects`);
  });

function isOurs(node: DocumentNode): boolean {
  const json = documentToJson(node) as { readonly kind?: string; readonly apiVersion?: string } | null;
  return Object.hasOwn(PARSERS, json?.kind ?? "") && /\.istio\.io\//.test(json?.apiVersion ?? "");
}

function readObjectOf(node: DocumentNode): ParseResult<unknown> {
  const envelope = parseEnvelope(node);
  if (envelope.kind === "refused") return envelope;
  const kind = envelope.value.kind;
  const parse = Object.hasOwn(PARSERS, kind) ? PARSERS[kind] : undefined;
  return (parse ?? parseAuthorizationPolicy)(envelope.value);
}

function parseJson(document: JsonValue): ParseResult<unknown> {
  const [node] = parseYamlDocuments(JSON.stringify(document), "f.json").documents;
  assert.ok(node);
  return readObjectOf(node);
}

type Place = readonly (string | number)[];

/** Every element of a document below its root. */
function placesIn(value: JsonValue, place: Place = []): Place[] {
  const here = place.length === 0 ? [] : [place];
  if (Array.isArray(value)) return [...here, ...value.flatMap((item, index) => placesIn(item, [...place, index]))];
  if (typeof value !== "object" || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([key, item]) => placesIn(item, [...place, key]))];
}

function replaceAt(value: JsonValue, [head, ...rest]: Place, replacement: JsonValue): JsonValue {
  if (head === undefined) return replacement;
  if (Array.isArray(value))
    return value.map((item, index) => (index === head ? replaceAt(item, rest, replacement) : item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, key === head ? replaceAt(item, rest, replacement) : item]),
  );
}

function removeAt(value: JsonValue, [head, ...rest]: Place): JsonValue {
  if (head === undefined) return value;
  if (Array.isArray(value))
    return value.flatMap((item, index) => (index !== head ? [item] : rest.length === 0 ? [] : [removeAt(item, rest)]));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      key !== head ? [[key, item]] : rest.length === 0 ? [] : [[key, removeAt(item, rest)]],
    ),
  );
}

/** The rules of a read policy in the shape in which they are written. */
function writtenRules(policy: unknown): JsonValue {
  const unwrap = (value: unknown): JsonValue => {
    if (Array.isArray(value)) return value.map(unwrap);
    if (typeof value !== "object" || value === null) return value as JsonValue;
    const fields = Object.entries(value).filter(([key]) => key !== "position");
    const record = Object.fromEntries(fields);
    if (fields.length === 1 && "values" in record && Array.isArray(record.values))
      return record.values.map((item: { readonly value: string }) => item.value);
    return Object.fromEntries(fields.map(([key, item]) => [key, unwrap(item)]));
  };
  const { rules } = policy as { readonly rules: readonly Record<string, unknown>[] };
  return rules.map(({ from, to, when }) => ({
    ...(from ? { from: (unwrap(from) as JsonValue[]).map((source) => ({ source })) } : {}),
    ...(to ? { to: (unwrap(to) as JsonValue[]).map((operation) => ({ operation })) } : {}),
    ...((when as readonly unknown[]).length > 0 ? { when: unwrap(when) } : {}),
  }));
}

function yamlFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = `${folder}${name}`;
    if (statSync(path).isDirectory()) return yamlFiles(`${path}/`);
    // The CRDs and profiles are megabytes of other kinds.
    return /\.ya?ml$/.test(name) && !folder.includes("/manifests/") ? [path] : [];
  });
}

const FRAGMENTS = [
  "null",
  "{}",
  "[]",
  ": ",
  "- ",
  "\n",
  "  ",
  "*",
  "&a ",
  '"',
  "'",
  "{*}",
  "{**}",
  "spec",
  "!!str ",
  "\t",
  "-1",
  "~",
  "|",
  "__proto__",
  "constructor",
];
const SEEDS = [
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, annotations: {istio.io/dry-run: "true"}}
spec:
  targetRefs: [{kind: Service, name: s}]
  rules:
  - to: [{operation: {paths: ["/a/{**}"]}}]
`,
  `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: p}
spec:
  jwtRules:
  - issuer: a
    jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"a"}]}'
    fromHeaders: [{name: a, prefix: "b "}]
    timeout: 5s
`,
  `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: p}
spec:
  host: "*.a.example"
  trafficPolicy: {tls: {mode: MUTUAL, credentialName: configmap://a/b}, portLevelSettings: [{port: {number: 80}}]}
  subsets: [{name: v1, labels: {version: v1}}]
`,
  `rootNamespace: istio-system
trustDomainAliases: [a, "*-b"]
pathNormalization: {normalization: MERGE_SLASHES}
extensionProviders: [{name: a, envoyExtAuthzHttp: {service: a, port: 80, timeout: 1s, pathPrefix: /a}}]
`,
];
