/** Istio's tasks authn-policy (end-user authentication) and authz-jwt, with the issuer's keys served by a pod of the mesh. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl", "python3");

const ISSUER = "testing@secure.istio.io";
const URI = "http://jwks.foo:8000/jwks.json";
const FIRST = generateKeyPairSync("ec", { namedCurve: "P-256" });
const SECOND = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwks = (kid: string, key: KeyObject): string => JSON.stringify({ keys: [jwkFromPublicKey(key, { kid })] });

/** GET answers what the last PUT had, and first of all the first key. */
const SERVER = `
import http.server
keys = ${JSON.stringify(jwks("first", FIRST.publicKey))}.encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(keys)
    def do_PUT(self):
        global keys
        keys = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"")
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
`;

const object = (kind: string, name: string, spec: unknown): string =>
  `---\n${JSON.stringify({ apiVersion: "security.istio.io/v1", kind, metadata: { name, namespace: "foo" }, spec })}\n`;
const selector = { matchLabels: { app: "httpbin" } };
const authentication = (rule: object): string =>
  object("RequestAuthentication", "jwt", { selector, jwtRules: [{ issuer: ISSUER, ...rule }] });
const token = (claims: object = {}, kid = "first", privateKey = FIRST.privateKey): string =>
  signJws({ iss: ISSUER, sub: ISSUER, exp: Math.floor(Date.now() / 1000) + 600, ...claims }, { kid, privateKey });

describe.skipIf(why !== undefined)("tokens of end users in the running mesh", () => {
  let mesh: MeshUnderTest;
  const headers = (...tokens: readonly string[]) => tokens.flatMap((text) => ["-H", `Authorization: Bearer ${text}`]);
  const ask = (...tokens: readonly string[]) =>
    mesh.curl("foo", "http://httpbin.foo:8000/headers", ...headers(...tokens));
  /** What `authz can` says of the same request: allow, deny. */
  const can = (text: string): string => {
    const file = join(mesh.directory, "token.jwt");
    writeFileSync(file, text);
    const line = ["--from", "foo/curl", "--to", "foo/httpbin", "GET", "/headers", "--jwt", file, "-o", "json"];
    const { outcome, notes } = JSON.parse(mesh.symbolon("authz", "can", ...line).stdout);
    return [outcome, ...notes].join(", ");
  };
  const status = () => {
    const { stdout, stderr } = mesh.symbolon("status");
    return stdout + stderr;
  };

  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }) +
        deployment({
          name: "jwks",
          namespace: "foo",
          command: ["python3", "-c", SERVER],
          port: 8000,
          servicePort: 8000,
        }),
    );
  });
  afterAll(() => mesh?.down());

  test("a token counts once the keys are there: 200 with it and without one, 401 with a bad one", async () => {
    mesh.apply(authentication({ jwksUri: URI }));
    await eventually(
      "the answer changes",
      () => ask(token()),
      (code) => code === "200/0",
    );
    expect(ask()).toBe("200/0");
    expect(ask("deadbeef")).toBe("401/0");
    expect(ask(token({ iss: "other" }))).toBe("401/0");
    expect(ask(token({ exp: 1 }))).toBe("401/0");
    expect(
      [token(), token({ iss: "other" }), token({ exp: 1 }), token({}, "first", SECOND.privateKey)].map(can),
    ).toEqual(["allow", "deny", "deny", "deny"]);
    const body = mesh.exec(
      "curl",
      "foo",
      "curl",
      "-si",
      ...headers("deadbeef"),
      "http://httpbin.foo:8000/headers",
    ).stdout;
    expect(body).toContain("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections");
    expect(body.toLowerCase()).toContain(
      'www-authenticate: bearer realm="http://httpbin.foo:8000/headers", error="invalid_token"',
    );
  });

  test("the age of the keys is on show", () => {
    const [shown] = mesh.objects("requestauthentication", "foo") as unknown as [
      { status: { keySets: [{ source: string; fetchedAt: string; ageSeconds: number }] } },
    ];
    expect(shown.status.keySets).toEqual([
      { source: URI, fetchedAt: expect.any(String), ageSeconds: expect.any(Number) },
    ]);
  });

  test("a policy wants a principal, then a group: 403 without, 200 with", async () => {
    const rule = (fields: object) =>
      object("AuthorizationPolicy", "require-jwt", {
        selector,
        action: "ALLOW",
        rules: [{ from: [{ source: { requestPrincipals: [`${ISSUER}/${ISSUER}`] } }], ...fields }],
      });
    mesh.apply(rule({}));
    await eventually(
      "the answer changes",
      () => ask(),
      (code) => code === "403/0",
    );
    expect(ask(token())).toBe("200/0");
    mesh.apply(rule({ when: [{ key: "request.auth.claims[groups]", values: ["group1"] }] }));
    await eventually(
      "the answer changes",
      () => ask(token()),
      (code) => code === "403/0",
    );
    expect(ask(token({ groups: ["group1", "group2"] }))).toBe("200/0");
    succeed(mesh.symbolon("delete", "authorizationpolicy", "require-jwt", "-n", "foo"));
  });

  test("a new key is found when a token has it, and the old one ends", async () => {
    const put = ["-X", "PUT", "-d", jwks("second", SECOND.publicKey)];
    expect(mesh.curl("foo", URI, ...put)).toBe("200/0");
    const fresh = token({}, "second", SECOND.privateKey);
    await eventually(
      "the answer changes",
      () => ask(fresh),
      (code) => code === "200/0",
    );
    expect(ask(token())).toBe("401/0");
    expect([fresh, token()].map(can)).toEqual(["allow", "deny"]);
  });

  test("keys that cannot be fetched refuse tokens and nobody else, and status says why", async () => {
    mesh.apply(authentication({ jwksUri: "http://nobody.foo:8000/" }));
    await eventually(
      "the answer changes",
      () => ask(token()),
      (code) => code === "401/0",
    );
    expect(ask()).toBe("200/0");
    expect(can(token())).toBe("deny");
    await eventually("status says so", status, (text) =>
      text.includes("keys of RequestAuthentication foo/jwt cannot be fetched"),
    );
  });

  test("a metadata service is not dialled for a manifest", async () => {
    mesh.apply(authentication({ jwksUri: "http://169.254.169.254/latest/" }));
    await eventually("status says so", status, (text) => text.includes("which is not dialled"));
    expect(ask(token())).toBe("401/0");
  });
});
