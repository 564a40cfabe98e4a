import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatFinding } from "./document/index.ts";
import { parseGoDuration } from "./go-duration.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import type { RequestAuthentication } from "./request-authentication.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const HEAD = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: p, namespace: foo}\n";

function parse(text: string) {
  const { documents, findings } = parseYamlDocuments(text, "f.yaml");
  const [node] = documents;
  assert.ok(node, findings.map(formatFinding).join("\n"));
  const envelope = parseEnvelope(node);
  assert.ok(envelope.kind === "parsed", envelope.findings.map(formatFinding).join("\n"));
  return parseRequestAuthentication(envelope.value);
}

function accepted(text: string): { readonly policy: RequestAuthentication; readonly findings: readonly string[] } {
  const result = parse(text);
  assert.ok(result.kind === "parsed", result.findings.map(formatFinding).join("\n"));
  return { policy: result.value, findings: result.findings.map(formatFinding) };
}

function refused(text: string): string {
  const result = parse(text);
  assert.equal(result.kind, "refused", text);
  return result.findings.map((finding) => formatFinding(finding).replace(/^\S+ /, "")).join("\n");
}

const rule = (text: string) => `${HEAD}spec: {jwtRules: [{${text}}]}\n`;
const valid = (text: string) => rule(`issuer: a, ${text}`);
const jwks = (keys: unknown) => rule(`issuer: a, jwks: '${JSON.stringify(keys)}'`);

describe("RequestAuthentication", () => {
  test("reads whether a token must be there", () => {
    const isRequired = (text: string) => accepted(valid(text)).policy.jwtRules[0]?.isTokenRequired;
    assert.deepEqual([isRequired("presence: REQUIRED"), isRequired("presence: OPTIONAL")], [true, undefined]);
    assert.match(refused(valid("presence: required")), /SYM0105 .*presence/);
  });

  test("reads every field", () => {
    const { policy, findings } = accepted(`${HEAD}spec:
  selector: {matchLabels: {app: web}}
  jwtRules:
  - issuer: https://a.example
    audiences: [x, "y"]
    jwksUri: https://a.example:8443/jwks
    fromHeaders: [{name: x-a, prefix: "Bearer "}, {name: x-b}]
    fromParams: [token]
    fromCookies: [c]
    outputPayloadToHeader: x-payload
    outputClaimToHeaders: [{header: x-sub, claim: sub}]
    forwardOriginalToken: true
    timeout: 1m0.5s
    spaceDelimitedClaims: [roles]
`);
    assert.deepEqual(findings, []);
    const { position, ...read } = policy.jwtRules[0] ?? assert.fail();
    assert.equal(position.line, 7);
    assert.deepEqual(read, {
      issuer: "https://a.example",
      audiences: ["x", "y"],
      jwksUri: "https://a.example:8443/jwks",
      fromHeaders: [
        { name: "x-a", prefix: "Bearer " },
        { name: "x-b", prefix: "" },
      ],
      fromParams: ["token"],
      fromCookies: ["c"],
      outputPayloadToHeader: "x-payload",
      outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }],
      forwardOriginalToken: true,
      timeoutMs: 60_500,
      spaceDelimitedClaims: ["roles"],
    });
  });

  test("has defaults, and none of them is a token rule", () => {
    assert.deepEqual(accepted(HEAD).policy.jwtRules, []);
    const [read] = accepted(rule("issuer: a")).policy.jwtRules;
    assert.deepEqual([read?.audiences, read?.timeoutMs, read?.forwardOriginalToken], [[], 5000, false]);
    assert.equal(read && "jwksUri" in read, false);
  });

  test("a rule has an issuer or a jwksUri", () => {
    accepted(rule("jwksUri: http://a/b"));
    for (const text of ["", 'issuer: ""', `jwks: '{"keys":[]}'`])
      assert.match(refused(rule(text)), /SYM0601 .*issuer or jwksUri must be non-empty string/, text);
    assert.match(refused(rule("issuer: , jwksUri: http://a")), /SYM0110 .*issuer/);
    assert.match(refused(valid("audiences: ")), /SYM0110 .*audiences/);
  });

  test("jwksUri is a URL of http or https, and takes Istio's one alias", () => {
    for (const uri of ["http://a", "HTTPS://a.example:443/x?y=z", "https://[::1]:80/", "https://u@a/"])
      accepted(valid(`jwksUri: "${uri}"`));
    assert.equal(accepted(valid("jwks_uri: http://a")).policy.jwtRules[0]?.jwksUri, "http://a");
    for (const [uri, wanted] of [
      ["a.example", /SYM0603 .*URI scheme "" is not supported/],
      ["ftp://a", /SYM0603 .*URI scheme "ftp" is not supported/],
      ["file:///etc/passwd", /SYM0603 .*URI scheme "file" is not supported/],
      ["https://a:b", /SYM0603 .*invalid port ":b" after host/],
      ["https://a:65536", /SYM0603 .*invalid port/],
      ["https://", /SYM0603 .*wanted a URL with a host/],
      ["https:a", /SYM0603 .*wanted a URL with a host/],
      ["https://a/b c", /SYM0603 .*must not contain blanks/],
      [`https://a/${"b".repeat(2048)}`, /SYM0603 .*no more than 2048/],
    ] as const)
      assert.match(refused(valid(`jwksUri: "${uri}"`)), wanted, uri);
    assert.match(refused(valid("jwksUri: http://a, jwks_uri: http://b")), /SYM0605/);
    assert.match(refused(valid(`jwksUri: http://a, jwks: '{"keys":[]}'`)), /SYM0605/);
  });

  test("inline keys are a readable JWK set", () => {
    const rsa = { kty: "RSA", n: "AQAB", e: "AQAB" };
    accepted(
      jwks({ keys: [rsa, { kty: "EC", crv: "P-256", x: "a", y: "b" }, { kty: "OKP", crv: "Ed25519", x: "a" }] }),
    );
    for (const bad of [[], "a", { keys: {} }, { keys: [1] }, { keys: [{}] }, { keys: [{ kty: "__proto__" }] }])
      assert.match(refused(jwks(bad)), /SYM0604 .*jwks parse error/, JSON.stringify(bad));
    assert.match(refused(jwks({ keys: [rsa, { kty: "RSA", n: "AQAB" }] })), /SYM0604 .*key at index 1 has no "e"/);
    assert.match(refused(valid("jwks: foo")), /SYM0604/);
  });

  test("a private key is warned of and never quoted", () => {
    const secret = "c2VjcmV0";
    const { findings } = accepted(
      jwks({
        keys: [
          { kty: "OKP", crv: "Ed25519", x: "a", d: secret },
          { kty: "oct", k: secret },
        ],
      }),
    );
    assert.equal(findings.length, 2);
    assert.match(findings[1] ?? "", /SYM0610 .*key at index 1 contains private key material/);
    assert.ok(!findings.join().includes(secret));
    assert.ok(!refused(valid(`jwks: '{"d":"${secret}"'`)).includes(secret));
  });

  test("places of tokens, claims and headers have names", () => {
    for (const [text, wanted] of [
      ['audiences: [a, ""]', /SYM0602 .*\[1\]: audience must be non-empty string/],
      ["fromHeaders: [{prefix: a}]", /SYM0606 .*location header name must be non-empty string/],
      ['fromParams: [""]', /SYM0606 .*location query must be non-empty string/],
      ['fromCookies: [""]', /SYM0606 .*cookie name must be non-empty string/],
      ["outputClaimToHeaders: [{header: a}]", /SYM0607/],
      ["outputClaimToHeaders: [{claim: a}]", /SYM0607/],
      ["outputClaimToHeaders: [{claim: a, header: 'a b'}]", /SYM0608 .*header name a b is not a valid header name/],
      ["outputClaimToHeaders: [{claim: a, header: a.b}]", /SYM0608/],
      ['outputPayloadToHeader: "a\\r\\nb: c"', /SYM0608/],
      ["outputPayloadToHeader: ':path'", /SYM0608/],
      ["fromHeader: [{name: a}]", /SYM0101 .*did you mean "fromHeaders"/],
      ["forwardOriginalToken: 'true'", /SYM0102/],
    ] as const)
      assert.match(refused(valid(text)), wanted, text);
  });

  test("the timeout is a Go duration of at least a millisecond", () => {
    assert.equal(accepted(valid("timeout: 1ms")).policy.jwtRules[0]?.timeoutMs, 1);
    for (const bad of ["0s", "999us", "-1s", "5", "s", "1 s", "1d", '""'])
      assert.match(refused(valid(`timeout: "${bad.replaceAll('"', "")}"`)), /SYM0609/, bad);
    assert.deepEqual(["1h", "1.5h", ".5s", "1s500ms", "2us", "1e3s", "1.2.3s", "9".repeat(70)].map(parseGoDuration), [
      3_600_000,
      5_400_000,
      500,
      1500,
      0.002,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("dry run is not for this kind", () => {
    const text = HEAD.replace("namespace: foo", 'namespace: foo, annotations: {istio.io/dry-run: "true"}');
    assert.match(refused(text), /SYM0209 .*has unsupported annotation istio\.io\/dry-run/);
  });
});
