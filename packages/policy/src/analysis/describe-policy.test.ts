import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ObjectEnvelope, parseEnvelope } from "../object-envelope.ts";
import { parseAuthorizationPolicy } from "../parse-authorization-policy.ts";
import { parseDestinationRule } from "../parse-destination-rule.ts";
import { parseRequestAuthentication } from "../parse-request-authentication.ts";
import { parsePeerAuthentication } from "../peer-authentication.ts";
import { requireParsed } from "../require-parsed.ts";
import { parseYamlDocuments } from "../yaml/index.ts";
import { describePolicy } from "./describe-policy.ts";

function envelope(kind: string, spec: string, metadata = "namespace: foo, name: p"): ObjectEnvelope {
  const group = kind === "DestinationRule" ? "networking" : "security";
  const text = `apiVersion: ${group}.istio.io/v1\nkind: ${kind}\nmetadata: {${metadata}}\nspec: ${spec}`;
  const [node] = parseYamlDocuments(text, "f.yaml").documents;
  assert.ok(node, text);
  return requireParsed(parseEnvelope(node));
}
const authz = (spec: string, metadata?: string) =>
  describePolicy(requireParsed(parseAuthorizationPolicy(envelope("AuthorizationPolicy", spec, metadata))));

const ADD_UP = "Requests that neither this nor another ALLOW policy allows are denied.";

describe("a sentence for every policy", () => {
  test("AuthorizationPolicy: the four bodies that are easily mistaken for each other", () => {
    assert.equal(
      authz("{}"),
      "Allows nothing to all workloads of namespace foo: what no other ALLOW policy allows is denied.",
    );
    assert.equal(authz("{rules: [{}]}"), "Allows every request to all workloads of namespace foo.");
    assert.equal(authz("{action: DENY, rules: [{}]}"), "Denies every request to all workloads of namespace foo.");
    assert.equal(authz("{action: AUDIT}"), "Does nothing: it has no rules.");
    assert.equal(
      authz("{action: AUDIT, rules: [{}]}"),
      "Marks in the access records every request to all workloads of namespace foo.",
    );
  });

  test("AuthorizationPolicy: AND and OR are told apart", () => {
    assert.equal(
      authz(
        "{selector: {matchLabels: {app: x}}, rules: [{from: [{source: {namespaces: [a], principals: ['*/sa/b']}}], to: [{operation: {methods: [GET, HEAD], paths: ['/a*', '/b/{*}']}}]}]}",
      ),
      `Allows requests to workloads with app=x of namespace foo when the caller ends with /sa/b and the caller is of namespace a, and the method is GET or HEAD and the path begins with /a or has the form /b/{*}. ${ADD_UP}`,
    );
    assert.equal(
      authz(
        "{rules: [{from: [{source: {namespaces: [a]}}, {source: {ipBlocks: [10.0.0.0/8]}}]}, {to: [{operation: {ports: ['80']}}]}]}",
      ),
      `Allows requests to all workloads of namespace foo when (1) either (the caller is of namespace a) or (the connection comes from 10.0.0.0/8); or (2) the pod's port is 80. ${ADD_UP}`,
    );
  });

  test("AuthorizationPolicy: negations, conditions, presence", () => {
    assert.equal(
      authz(
        '{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"], notIpBlocks: [10.0.0.0/8]}}], to: [{operation: {notMethods: [GET, "P*"]}}], when: [{key: "request.headers[X-A]", values: [b], notValues: [c]}, {key: "request.auth.claims[a][b]", values: ["*"]}]}]}',
      ),
      "Denies requests to all workloads of namespace foo when the request has no verified token and the connection does not come from 10.0.0.0/8, and the method is not GET and does not begin with P, and the header x-a is b, and the header x-a is not c, and the token's claim a.b is present.",
    );
  });

  test("AuthorizationPolicy: scope, provider, dry run, long lists", () => {
    assert.equal(
      authz("{action: CUSTOM, provider: {name: opa}, rules: [{}]}", "namespace: istio-system, name: p"),
      "Asks the provider opa about every request to all workloads of the mesh.",
    );
    assert.match(
      authz("{targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}], rules: [{}]}"),
      /^Allows every request to Gateway g of namespace foo\.$/,
    );
    assert.match(
      authz("{action: DENY, rules: [{}]}", 'namespace: foo, name: p, annotations: {istio.io/dry-run: "true"}'),
      /This is a dry run: it is reported, not enforced\.$/,
    );
    assert.match(
      authz("{rules: [{to: [{operation: {ports: ['1', '2', '3', '4', '5', '6', '7', '8']}}]}]}"),
      /the pod's port is 1, 2, 3, 4, 5 or 3 more\./,
    );
  });

  test("control characters of values are shown, not sent", () => {
    assert.match(authz('{rules: [{to: [{operation: {paths: ["/\\e[2J"]}}]}]}'), /the path is \/\\u001b\[2J/);
  });

  test("PeerAuthentication", () => {
    const peer = (spec: string) =>
      describePolicy(requireParsed(parsePeerAuthentication(envelope("PeerAuthentication", spec))));
    assert.equal(
      peer("{mtls: {mode: STRICT}}"),
      "For connections to all workloads of namespace foo: mTLS is required.",
    );
    assert.equal(
      peer("{selector: {matchLabels: {a: b}}, portLevelMtls: {80: {mode: DISABLE}}}"),
      "For connections to workloads with a=b of namespace foo: what the wider policy says holds, except port 80: plaintext alone is accepted.",
    );
  });

  test("RequestAuthentication", () => {
    const tokens = (spec: string) =>
      describePolicy(requireParsed(parseRequestAuthentication(envelope("RequestAuthentication", spec))));
    assert.equal(tokens("{}"), "Does nothing: it has no rules for tokens.");
    assert.equal(
      tokens(
        "{jwtRules: [{issuer: i, jwksUri: 'https://i'}, {issuer: j, jwksUri: 'https://j', audiences: [a, b], fromCookies: [c]}]}",
      ),
      "Checks tokens in requests to all workloads of namespace foo: those of issuer i for any audience, in the header Authorization or the parameter access_token; and those of issuer j for a or b, in cookie c. A request with a bad token is refused with 401; one without a token is let in, unless an AuthorizationPolicy asks for one.",
    );
  });

  test("DestinationRule", () => {
    const rule = (spec: string) =>
      describePolicy(requireParsed(parseDestinationRule(envelope("DestinationRule", spec))));
    assert.equal(rule("{host: web}"), "Clients connect to web as the server wants it (automatic mTLS).");
    assert.equal(
      rule(
        "{host: web, workloadSelector: {matchLabels: {a: b}}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, subjectAltNames: [x]}, portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}, subsets: [{name: v1, trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}}]}",
      ),
      "Workloads with a=b of namespace foo connect to web by mTLS with mesh certificates, and the server must be x, except port 80: in plaintext; subset v1: by TLS without client certificate, without verifying the server.",
    );
  });
});
