import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseEnvelope } from "../object-envelope.ts";
import { parseAuthorizationPolicy } from "../parse-authorization-policy.ts";
import { requireParsed } from "../require-parsed.ts";
import { parseYamlDocuments } from "../yaml/index.ts";
import { ANALYSIS_CODES } from "./analysis-codes.ts";
import { analyzeDocuments } from "./analyze-documents.ts";
import { describePolicy } from "./describe-policy.ts";
import { findingsToSarif } from "./findings-to-sarif.ts";
import { findingsToJson, renderFindings } from "./render-findings.ts";

const RUNS = Number(process.env.ANALYSIS_RUNS ?? 500);
const MESH = `
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 8080}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http, name: tcp-a}, {port: 81}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {principals: ["td/ns/foo/sa/default", "*"], notNamespaces: [bar], ipBlocks: ["10.0.0.0/8"]}}]
    to: [{operation: {hosts: [a.com], ports: ["80"], methods: [get], paths: ["/a//b*", "/{*}/x"]}}]
    when: [{key: "request.headers[a]", values: ["*b*"], notValues: [c]}, {key: source.ip, values: ["::1"]}]
  - to: [{operation: {methods: [GET]}}, {operation: {notPaths: [/x]}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: d, namespace: foo}
spec: {selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: DISABLE}}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: j, namespace: foo}
spec: {jwtRules: [{issuer: i, jwksUri: "https://i/j", fromHeaders: [{name: a}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: r, namespace: foo}
spec: {host: web, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}
`;
const FRAGMENTS = [
  "",
  "*",
  "**",
  "/",
  "//",
  "..",
  "%2e",
  "?",
  ":",
  "- ",
  "\n",
  "not",
  "null",
  "{}",
  "[]",
  "0",
  "99999",
  "\u0000",
  "\ud800",
  "spiffe://",
  "DENY",
  "ALLOW",
];

test(
  "mutated meshes are analyzed without an exception, always the same, and every renderer takes the findings",
  {
    timeout: 600_000,
  },
  () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.nat(12),
      text: fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 4 })),
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
        let text = MESH;
        for (const { at, length, text: inserted } of edits) {
          const start = Math.floor(at * text.length);
          text = text.slice(0, start) + inserted + text.slice(start + length);
        }
        const { documents } = parseYamlDocuments(text, "f.yaml");
        const findings = analyzeDocuments(documents);
        for (const { code, fix, position } of findings) {
          seen.add(code);
          assert.match(code, /^SYM\d{4}$/);
          assert.notEqual(fix, "");
          assert.equal(position.file, "f.yaml");
        }
        assert.deepEqual(analyzeDocuments(documents), findings);
        assert.doesNotMatch(renderFindings(findings, new Map([["f.yaml", text]])).replaceAll("\n", ""), /\p{Cc}/u);
        JSON.parse(findingsToJson(findings));
        JSON.parse(findingsToSarif(findings));
        for (const node of documents) {
          const envelope = parseEnvelope(node);
          if (envelope.kind !== "parsed" || envelope.value.kind !== "AuthorizationPolicy") continue;
          const policy = parseAuthorizationPolicy(envelope.value);
          if (policy.kind === "parsed") assert.doesNotMatch(describePolicy(requireParsed(policy)), /\p{Cc}/u);
        }
      }),
      { seed: 7, numRuns: RUNS },
    );
    const reached = Object.keys(ANALYSIS_CODES).filter((code) => seen.has(code));
    assert.ok(reached.length >= 10, `reached: ${reached.join(" ")}`);
  },
);
