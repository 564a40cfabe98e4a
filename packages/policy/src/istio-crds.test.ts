/** The schemas of Istio's CRDs, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { documentToJson, type JsonValue, type ParseResult } from "./document/index.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { requireParsed } from "./require-parsed.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const FILE = fileURLToPath(
  new URL("../../../../shared/vectors/istio-samples/manifests/charts/base/files/crd-all.gen.yaml", import.meta.url),
);

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
}
interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: Schema } } };
    }[];
  };
}

const PARSERS: Readonly<Record<string, (envelope: ObjectEnvelope) => ParseResult<unknown>>> = {
  PeerAuthentication: (envelope) => parsePeerAuthentication(envelope),
  RequestAuthentication: (envelope) => parseRequestAuthentication(envelope),
  AuthorizationPolicy: (envelope) => parseAuthorizationPolicy(envelope),
  DestinationRule: (envelope) => parseDestinationRule(envelope),
};

if (!existsSync(FILE)) console.log(`no tests with Istio's CRDs: ${FILE} does not exist`);
else
  describe("Istio's CRDs", () => {
    const { documents, findings } = parseYamlDocuments(readFileSync(FILE, "utf8"), "crd-all.gen.yaml");
    const crds = documents.map((node) => documentToJson(node) as unknown as Crd);

    test("are read unchanged", () => {
      assert.deepEqual(findings, []);
      assert.equal(documents.length, 15);
    });

    for (const [kind, parse] of Object.entries(PARSERS)) {
      const crd = crds.find(({ spec }) => spec.names.kind === kind);
      for (const { name: version, schema } of crd?.spec.versions ?? [])
        test(`every field of ${kind} ${version} is known, and no version is refused`, () => {
          const specs = samplesOf(schema.openAPIV3Schema.properties.spec);
          assert.ok(specs.length > 2, `${specs.length} fields`);
          const unknown = specs.flatMap((spec) => {
            const object = { apiVersion: `${crd?.spec.group}/${version}`, kind, metadata: { name: "x" }, spec };
            const [node] = parseYamlDocuments(JSON.stringify(object), "f.json").documents;
            assert.ok(node);
            const result = parse(requireParsed(parseEnvelope(node)));
            return result.findings.filter(({ code }) => code === "SYM0101" || code === "SYM0202" || code === "SYM0102");
          });
          assert.deepEqual(
            unknown.map(({ path, message }) => `${path}: ${message}`),
            [],
          );
        });
    }
  });

/** One value for each leaf of a schema, with what is around it and nothing else. */
function samplesOf(schema: Schema): JsonValue[] {
  if (schema.properties)
    return Object.entries(schema.properties).flatMap(([name, inner]) =>
      samplesOf(inner).map((value) => ({ [name]: value })),
    );
  if (schema.additionalProperties) return samplesOf(schema.additionalProperties).map((value) => ({ "8080": value }));
  if (schema.items) return samplesOf(schema.items).map((value) => [value]);
  if (schema.enum) return [schema.enum[0] ?? ""];
  if (schema.type === "boolean") return [true];
  if (schema.type === "integer" || schema.type === "number") return [1];
  return schema.type === "object" ? [{}] : ["x"];
}
