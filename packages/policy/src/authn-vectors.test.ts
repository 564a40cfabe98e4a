/** Istio's tables of authentication, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { requireParsed } from "./errors.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { effectivePeerAuthentication } from "./peer-authentication-index.ts";
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
  readonly expected?: { readonly typedConfig?: JwtFilter } | JwtFilter | null;
}
interface JwtFilter {
  readonly providers?: Readonly<Record<string, unknown>>;
}

if (!existsSync(TABLE)) console.log(`no tests with authn-tables.json: ${TABLE} does not exist`);
else
  describe("Istio's tables of authentication", () => {
    const { cases } = JSON.parse(readFileSync(TABLE, "utf8")) as { readonly cases: readonly AuthnCase[] };
    for (const [index, vector] of cases.entries()) {
      if (vector.table === "ComposePeerAuthentication") test(`${index} ${vector.name}`, () => checkComposition(vector));
      // What Envoy is configured with is another package's matter; here each rule is read, and none is lost.
      if (vector.table === "JwtFilter" || vector.table === "ConvertToEnvoyJwtConfig")
        test(`${index} ${vector.table}: ${vector.name}`, () => checkRules(vector));
    }
  });

function checkComposition({ configs = [], rootNamespace = "", expectedMode, expectedPerPort }: AuthnCase): void {
  const policies = configs.map((object) =>
    requireParsed(parsePeerAuthentication(envelopeOf("PeerAuthentication", object))),
  );
  const workload = { namespace: "my-ns", labels: { app: "foo" } };
  const effective = effectivePeerAuthentication({ policies, rootNamespace, workload });
  assert.equal(effective.mode.toUpperCase(), expectedMode);
  for (const [port, mode] of Object.entries(expectedPerPort ?? {}))
    assert.equal(effective.modeForPort(Number(port)).toUpperCase(), mode, port);
}

function checkRules({ configs, jwtRules = [], expected }: AuthnCase): void {
  const objects = configs ?? [{ name: "x", namespace: "foo", spec: { jwtRules } }];
  const rules = objects.flatMap(
    (object) => requireParsed(parseRequestAuthentication(envelopeOf("RequestAuthentication", object))).jwtRules,
  );
  const filter = expected && "typedConfig" in expected ? expected.typedConfig : (expected as JwtFilter | null);
  assert.equal(rules.length, Object.keys(filter?.providers ?? {}).length);
}

/** Istio's test gives some objects no name. */
function envelopeOf(kind: string, { name, namespace, creationTimestamp, spec }: WrittenObject): ObjectEnvelope {
  const metadata = {
    name: name === "" ? "x" : name.replaceAll(" ", "-"),
    namespace: namespace === "" ? "foo" : namespace,
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
