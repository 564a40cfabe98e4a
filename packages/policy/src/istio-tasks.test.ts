/** The policies of Istio's tasks on authorization, as text, and what its documentation says that they do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ConnectionAttributes, RequestAttributes } from "./attributes.ts";
import { type AuthorizationOptions, compileAuthorization } from "./authorization/index.ts";
import { expandLists } from "./expand-lists.ts";
import { createExplainer, explanationText } from "./explain/index.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { requireParsed } from "./require-parsed.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const OPTIONS: AuthorizationOptions = { trustDomain: "cluster.local" };

function policies(...specs: readonly string[]) {
  const text = specs.map(
    (spec, index) =>
      `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p${index}, namespace: foo}\nspec:\n${spec}`,
  );
  const { documents, findings } = parseYamlDocuments(text.join("\n---\n"), "task.yaml");
  assert.deepEqual(findings, []);
  return expandLists(documents).documents.map((node) =>
    requireParsed(parseAuthorizationPolicy(requireParsed(parseEnvelope(node)))),
  );
}

function from(account: string, more: Partial<ConnectionAttributes> = {}): ConnectionAttributes {
  return {
    peerSpiffeId: `spiffe://cluster.local/ns/${account}`,
    sourceAddress: "10.0.0.1",
    destinationAddress: "10.0.0.9",
    destinationPort: 8000,
    ...more,
  };
}

function request(method: string, path: string, more: Partial<RequestAttributes> = {}): RequestAttributes {
  return { method, path, host: "httpbin.foo:8000", headers: new Map(), ...more };
}

const CURL = from("foo/sa/curl");

/** "allow" or "deny" for each request, or for the connection without one. */
function outcomes(
  specs: readonly string[],
  cases: readonly (readonly [ConnectionAttributes, RequestAttributes?])[],
  options: Partial<AuthorizationOptions> = {},
): string[] {
  const compiled = compileAuthorization(policies(...specs), { ...OPTIONS, ...options });
  return cases.map(([connection, asked]) => compiled.connection(connection).decide(asked).outcome);
}

describe("Istio's tasks", () => {
  test("HTTP traffic: allow-nothing, then viewers with GET", () => {
    const nothing = "  {}";
    const viewer = `  action: ALLOW
  rules:
  - from: [{source: {principals: ["cluster.local/ns/default/sa/bookinfo-productpage"]}}]
    to: [{operation: {methods: ["GET"]}}]`;
    const productpage = from("default/sa/bookinfo-productpage");
    assert.deepEqual(outcomes([nothing], [[CURL, request("GET", "/")]]), ["deny"]);
    assert.deepEqual(
      outcomes(
        [nothing, viewer],
        [
          [productpage, request("GET", "/details/0")],
          [productpage, request("POST", "/details/0")],
          [from("default/sa/bookinfo-reviews"), request("GET", "/details/0")],
        ],
      ),
      ["allow", "deny", "deny"],
    );
  });

  test("explicit deny: GET without the admin's token, then a path that is allowed alone", () => {
    const denyGet = `  action: DENY
  rules:
  - to: [{operation: {methods: ["GET"]}}]
    when: [{key: "request.headers[x-token]", notValues: ["admin"]}]`;
    const allowIp = `  action: ALLOW
  rules: [{to: [{operation: {paths: ["/ip"]}}]}]`;
    const token = (value: string) => ({ headers: new Map([["x-token", [value]]]) });
    const asked = [
      request("GET", "/get"),
      request("GET", "/get", token("admin")),
      request("GET", "/ip", token("guest")),
      request("GET", "/ip", token("admin")),
    ];
    const cases = asked.map((one) => [CURL, one] as const);
    assert.deepEqual(outcomes([denyGet], cases), ["deny", "allow", "deny", "allow"]);
    assert.deepEqual(outcomes([denyGet, allowIp], cases), ["deny", "deny", "deny", "allow"]);
  });

  test("JWT: a request principal is required, then a group", () => {
    const require = (when: string) => `  action: ALLOW
  rules:
  - from: [{source: {requestPrincipals: ["testing@secure.istio.io/testing@secure.istio.io"]}}]${when}`;
    const group = `\n    when: [{key: "request.auth.claims[groups]", values: ["group1"]}]`;
    const claims = { iss: "testing@secure.istio.io", sub: "testing@secure.istio.io" };
    const cases = [
      request("GET", "/headers"),
      request("GET", "/headers", { claims }),
      request("GET", "/headers", { claims: { ...claims, groups: ["group1", "group2"] } }),
      request("GET", "/headers", { claims: { ...claims, groups: ["group2"] } }),
    ].map((one) => [CURL, one] as const);
    assert.deepEqual(outcomes([require("")], cases), ["deny", "allow", "allow", "allow"]);
    assert.deepEqual(outcomes([require(group)], cases), ["deny", "deny", "allow", "deny"]);
  });

  test("TCP traffic: ports, then a method that makes an ALLOW rule vanish and a DENY rule wider", () => {
    const ports = (action: string, more: string) =>
      `  action: ${action}\n  rules: [{to: [{operation: {${more}ports: ["9000"]}}]}]`;
    const cases = [9000, 9001].map((destinationPort) => [from("foo/sa/curl", { destinationPort })] as const);
    assert.deepEqual(outcomes([ports("ALLOW", "")], cases), ["allow", "deny"]);
    assert.deepEqual(outcomes([ports("ALLOW", 'methods: ["GET"], ')], cases), ["deny", "deny"]);
    assert.deepEqual(outcomes([ports("DENY", 'methods: ["GET"], ')], cases), ["deny", "allow"]);
  });

  test("ingress: a list of addresses that are denied", () => {
    const denied = `  action: DENY\n  rules: [{from: [{source: {ipBlocks: ["10.0.0.1", "192.168.0.0/16"]}}]}]`;
    const cases = ["10.0.0.1", "10.0.0.2", "192.168.3.4"].map(
      (sourceAddress) => [from("foo/sa/curl", { sourceAddress }), request("GET", "/")] as const,
    );
    assert.deepEqual(outcomes([denied], cases), ["deny", "allow", "deny"]);
  });

  test("path templates", () => {
    const templates = `  action: ALLOW\n  rules: [{to: [{operation: {paths: ["/foo/{*}/bar/{**}"]}}]}]`;
    const cases = ["/foo/buzz/bar/bat.txt", "/foo/buzz/bar/", "/foo/bar/bat.txt"].map(
      (path) => [CURL, request("GET", path)] as const,
    );
    assert.deepEqual(outcomes([templates], cases), ["allow", "allow", "deny"]);
  });

  test("trust domain migration: aliases keep old identities allowed", () => {
    const allow = `  action: DENY
  rules:
  - from: [{source: {notPrincipals: ["old-td/ns/curl-allow/sa/curl"]}}]`;
    const as = (domain: string) =>
      [from("", { peerSpiffeId: `spiffe://${domain}/ns/curl-allow/sa/curl` }), request("GET", "/")] as const;
    const moved = { trustDomain: "new-td" };
    const both = [as("old-td"), as("new-td")];
    assert.deepEqual(outcomes([allow], both, moved), ["allow", "deny"]);
    assert.deepEqual(outcomes([allow], both, { ...moved, trustDomainAliases: ["old-td"] }), ["allow", "allow"]);
  });

  test("an explanation of a task's denial points at the method, at its line, and says what would help", () => {
    const viewer = `  rules:
  - from: [{source: {principals: ["cluster.local/ns/foo/sa/curl"]}}]
    to: [{operation: {methods: ["GET"]}}]`;
    const explanation = createExplainer(policies(viewer), OPTIONS).explain({
      connection: CURL,
      request: request("POST", "/"),
    });
    const item = explanation.policies[0]?.rules[0]?.to?.[0]?.items[0];
    assert.deepEqual([item?.matches, item?.got, item?.position.line], [false, ["POST"], 7]);
    assert.match(explanationText(explanation), /allow: method "GET" instead of "POST"/);
  });
});
