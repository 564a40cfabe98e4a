/** Istio's tables of authentication, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { outputHeaderNames, spaceDelimitedClaims } from "./jwt-outputs.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { effectivePeerAuthentication } from "./peer-authentication-index.ts";
import type { JwtRule } from "./request-authentication.ts";
import { requireParsed } from "./require-parsed.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const TABLE = fileURLToPath(new URL("../../../../shared/vectors/istio-tables/authn-tables.json", import.meta.url));

interface WrittenObject {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: string;
  readonly spec: unknown;
}
interface AuthnCase {
  readonly table: string;
  readonly name: string;
  readonly configs?: readonly WrittenObject[];
  readonly jwtRules?: readonly unknown[];
  readonly rootNamespace?: string;
  readonly expectedMode?: string;
  readonly expectedPerPort?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly in?: readonly string[] | null;
  readonly expected?: { readonly typedConfig?: JwtFilter } | JwtFilter | readonly string[] | null;
}
interface JwtFilter {
  readonly providers?: Readonly<Record<string, JwtProvider>>;
}
/** Fields of Envoy's JwtProvider that a rule decides. */
interface JwtProvider {
  readonly issuer?: string;
  readonly forward?: boolean;
  readonly forwardPayloadHeader?: string;
  readonly claimToHeaders?: readonly { readonly headerName: string; readonly claimName: string }[];
  readonly normalizePayloadInMetadata?: { readonly spaceDelimitedClaims: readonly string[] };
}

const CHECKS: Readonly<Record<string, (vector: AuthnCase) => void>> = {
  ComposePeerAuthentication: checkComposition,
  InboundMTLSSettings: checkPort,
  JwtFilter: checkRules,
  ConvertToEnvoyJwtConfig: checkRules,
  BuildSpaceDelimitedClaims: checkSpaceDelimited,
};
const WORKLOAD_NAMESPACE = "my-ns";

if (!existsSync(TABLE)) console.log(`no tests with authn-tables.json: ${TABLE} does not exist`);
else
  describe("Istio's tables of authentication", () => {
    const { cases } = JSON.parse(readFileSync(TABLE, "utf8")) as { readonly cases: readonly AuthnCase[] };
    for (const [index, vector] of cases.entries()) {
      const check = CHECKS[vector.table];
      assert.ok(check, vector.table);
      test(`${index} ${vector.table}: ${vector.name}`, () => check(vector));
    }
    test("all 46 cases of the tables are covered", () => assert.equal(cases.length, 46));
  });

function checkComposition({ expectedMode, expectedPerPort, ...vector }: AuthnCase): void {
  const effective = compose(vector);
  assert.equal(effective.mode.toUpperCase(), expectedMode);
  for (const [port, mode] of Object.entries(expectedPerPort ?? {}))
    assert.equal(effective.modeForPort(Number(port)).toUpperCase(), mode, port);
}

/** The TLS contexts that the table has beside the mode are Envoy's configuration, which is no matter of this package. */
function checkPort({ expectedMode, port, ...vector }: AuthnCase): void {
  assert.ok(port);
  assert.equal(compose(vector).modeForPort(port).toUpperCase(), expectedMode);
}

function compose({ configs = [], rootNamespace = "" }: Pick<AuthnCase, "configs" | "rootNamespace">) {
  const policies = configs.map((object) =>
    requireParsed(parsePeerAuthentication(envelopeOf("PeerAuthentication", object))),
  );
  const workload = { namespace: WORKLOAD_NAMESPACE, labels: { app: "foo" } };
  return effectivePeerAuthentication({ policies, rootNamespace, workload });
}

/** `JwtFilter` puts the rules of all policies together, by issuer; `ConvertToEnvoyJwtConfig` keeps the order of one. */
function checkRules({ table, configs, jwtRules = [], expected }: AuthnCase): void {
  const objects = configs ?? [{ name: "x", namespace: "foo", spec: { jwtRules } }];
  const rules = objects.flatMap(
    (object) => requireParsed(parseRequestAuthentication(envelopeOf("RequestAuthentication", object))).jwtRules,
  );
  const filter = expected && "typedConfig" in expected ? expected.typedConfig : (expected as JwtFilter | null);
  const providers = Object.values(filter?.providers ?? {});
  if (table === "JwtFilter") rules.sort((left, right) => (left.issuer < right.issuer ? -1 : 1));
  assert.deepEqual(rules.map(decidedByRule), providers.map(decidedInProvider));
}

function decidedByRule(rule: JwtRule) {
  return {
    issuer: rule.issuer,
    forward: rule.forwardOriginalToken,
    headers: outputHeaderNames(rule),
    claims: rule.outputClaimToHeaders.map(({ claim }) => claim),
    spaceDelimited: [...spaceDelimitedClaims(rule)].sort(),
  };
}

function decidedInProvider(provider: JwtProvider) {
  const claimToHeaders = provider.claimToHeaders ?? [];
  const payloadHeader = provider.forwardPayloadHeader === undefined ? [] : [provider.forwardPayloadHeader];
  return {
    issuer: provider.issuer ?? "",
    forward: provider.forward ?? false,
    headers: [...payloadHeader, ...claimToHeaders.map(({ headerName }) => headerName)],
    claims: claimToHeaders.map(({ claimName }) => claimName),
    spaceDelimited: provider.normalizePayloadInMetadata?.spaceDelimitedClaims ?? [],
  };
}

function checkSpaceDelimited({ in: names, expected }: AuthnCase): void {
  assert.deepEqual([...spaceDelimitedClaims({ spaceDelimitedClaims: names ?? [] })].sort(), expected);
}

/** Istio's test gives some objects no name. */
function envelopeOf(kind: string, { name, namespace, creationTimestamp, spec }: WrittenObject): ObjectEnvelope {
  const metadata = {
    name: name === "" ? "x" : name.replaceAll(" ", "-"),
    namespace: namespace === "" ? WORKLOAD_NAMESPACE : namespace,
    creationTimestamp: creationTimestamp ?? null,
  };
  const text = JSON.stringify({ apiVersion: "security.istio.io/v1", kind, metadata, spec }, withReadableKeys);
  const [node] = parseYamlDocuments(text, "f.json").documents;
  assert.ok(node);
  return requireParsed(parseEnvelope(node));
}

/** Where Istio's test has a placeholder for inline keys. */
function withReadableKeys(key: string, value: unknown): unknown {
  return key === "jwks" && typeof value === "string" && !value.startsWith("{") ? '{"keys":[]}' : value;
}
