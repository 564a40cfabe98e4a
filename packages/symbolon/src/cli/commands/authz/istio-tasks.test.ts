/** Istio's tasks on authorization, in manifests of our own: what its documentation says that happens, `authz` says, too. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";

const MESH = `
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
${["curl", "httpbin", "productpage", "details"].map(workload).join("")}
---
apiVersion: v1
kind: Service
metadata: {name: tcp-echo, namespace: foo}
spec:
  selector: {app: tcp-echo}
  ports: [{name: tcp, port: 9000}, {name: tcp-other, port: 9001}]
---
apiVersion: v1
kind: Pod
metadata: {name: tcp-echo, namespace: foo, labels: {app: tcp-echo}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 9000}, {containerPort: 9001}, {containerPort: 9002}]}]}
`;

function workload(name: string): string {
  return `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: foo}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: foo}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {serviceAccountName: ${name}, containers: [{name: c, image: i, ports: [{containerPort: 8000}]}]}`;
}

function policy(name: string, app: string, spec: string): string {
  return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: foo}
spec: {${app === "" ? "" : `selector: {matchLabels: {app: ${app}}}, `}${spec}}
`;
}

const TOKEN_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" });
const FOREIGN_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ISSUER = "testing@example.org";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "authz-tasks-"));
  const claims = { iss: ISSUER, sub: ISSUER };
  const sign = (more: object, { privateKey } = TOKEN_KEY) => signJws({ ...claims, ...more }, { kid: "k", privateKey });
  writeFileSync(join(directory, "plain.jwt"), sign({}));
  writeFileSync(join(directory, "group1.jwt"), `Bearer ${sign({ groups: ["group1", "group2"] })}\n`);
  writeFileSync(join(directory, "group2.jwt"), sign({ groups: ["group2"] }));
  writeFileSync(join(directory, "expired.jwt"), sign({ exp: 1_000_000_000 }));
  writeFileSync(join(directory, "foreign.jwt"), sign({}, FOREIGN_KEY));
  writeFileSync(join(directory, "none.jwt"), "not a token\n");
});
afterAll(() => rmSync(directory, { recursive: true }));

/** One row: the question without its files, the status, the reason code, and the policy with the rule that decided. */
type Row = readonly [question: string, status: 0 | 1 | 2, reason: string, by?: string];

function says(title: string, policies: string, rows: readonly Row[]): void {
  for (const [question, status, reason, by] of rows)
    test(`${title}: ${question}`, async () => {
      const file = join(directory, "task.yaml");
      writeFileSync(file, `${MESH}${policies}`);
      const line = question.replace(/(\w+\.jwt)/, join(directory, "$1")).split(" ");
      const can = await symbolon("authz", "can", ...line, "-f", file, "-o", "json");
      const answer = JSON.parse(can.stdout);
      expect({ status: can.status, reason: answer.reason }).toEqual({ status, reason });
      const { policy: decider, rule } = answer;
      expect(decider && `${decider.name}[${rule}]`).toBe(by);
      const explain = await symbolon("authz", "explain", ...line, "-f", file);
      expect(explain.status).toBe(status);
      expect(explain.stdout.split("\n")[0]).toEndWith(`[${reason}]`);
    });
}

const CURL = "--from foo/curl --to foo/httpbin --port 8000";

describe("authz-http", () => {
  const nothing = policy("allow-nothing", "", "");
  const viewer = policy(
    "productpage-viewer",
    "productpage",
    'action: ALLOW, rules: [{to: [{operation: {methods: ["GET"]}}]}]',
  );
  const details = policy(
    "details-viewer",
    "details",
    'rules: [{from: [{source: {principals: ["cluster.local/ns/foo/sa/productpage"]}}], to: [{operation: {methods: ["GET"]}}]}]',
  );
  const page = "--from foo/curl --to foo/productpage";
  says("without policies", "", [[`${page} GET /productpage`, 0, "no_allow_policy"]]);
  says("allow-nothing", nothing, [[`${page} GET /productpage`, 1, "no_allow_rule_matched"]]);
  says("then GET for viewers", nothing + viewer + details, [
    [`${page} GET /productpage`, 0, "allow_rule_matched", "productpage-viewer[0]"],
    [`${page} POST /productpage`, 1, "no_allow_rule_matched"],
    ["--from foo/productpage --to foo/details GET /details/0", 0, "allow_rule_matched", "details-viewer[0]"],
    ["--from foo/curl --to foo/details GET /details/0", 1, "no_allow_rule_matched"],
    ["--from foo/productpage --plaintext --to foo/details GET /details/0", 1, "no_allow_rule_matched"],
  ]);
});

describe("authz-deny", () => {
  const deny = policy(
    "deny-method-get",
    "httpbin",
    'action: DENY, rules: [{to: [{operation: {methods: ["GET"]}}], when: [{key: "request.headers[x-token]", notValues: ["admin"]}]}]',
  );
  const allow = policy("allow-path-ip", "httpbin", 'rules: [{to: [{operation: {paths: ["/ip"]}}]}]');
  says("GET is denied without the admin's header", deny, [
    [`${CURL} GET /get`, 1, "deny_rule_matched", "deny-method-get[0]"],
    [`${CURL} POST /post`, 0, "no_allow_policy"],
    [`${CURL} GET /get -H x-token:admin`, 0, "no_allow_policy"],
    [`${CURL} GET /get -H x-token:guest`, 1, "deny_rule_matched", "deny-method-get[0]"],
  ]);
  says("with an ALLOW policy for one path", deny + allow, [
    [`${CURL} GET /ip -H x-token:guest`, 1, "deny_rule_matched", "deny-method-get[0]"],
    [`${CURL} GET /ip -H x-token=admin`, 0, "allow_rule_matched", "allow-path-ip[0]"],
    [`${CURL} GET /get -H x-token=admin`, 1, "no_allow_rule_matched"],
  ]);
});

describe("authz-jwt", () => {
  const jwks = JSON.stringify({ keys: [jwkFromPublicKey(TOKEN_KEY.publicKey, { kid: "k" })] });
  const authentication = (keys: string) => `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: jwt-example, namespace: foo}
spec: {selector: {matchLabels: {app: httpbin}}, jwtRules: [{issuer: "${ISSUER}", ${keys}}]}
`;
  const inline = authentication(`jwks: '${jwks}'`);
  const require = (when: string) =>
    policy(
      "require-jwt",
      "httpbin",
      `rules: [{from: [{source: {requestPrincipals: ["${ISSUER}/${ISSUER}"]}}]${when}}]`,
    );
  says("RequestAuthentication alone asks for no token, and takes no bad one", inline, [
    [`${CURL} GET /headers`, 0, "no_allow_policy"],
    [`${CURL} GET /headers --jwt plain.jwt`, 0, "no_allow_policy"],
    [`${CURL} GET /headers --jwt foreign.jwt`, 1, "token_signature_invalid", "jwt-example[0]"],
    [`${CURL} GET /headers --jwt expired.jwt`, 1, "token_expired", "jwt-example[0]"],
    [`${CURL} GET /headers -H authorization=Bearer_invalidToken`, 0, "no_allow_policy"],
  ]);
  says("require-jwt", inline + require(""), [
    [`${CURL} GET /headers --jwt plain.jwt`, 0, "allow_rule_matched", "require-jwt[0]"],
    [`${CURL} GET /headers`, 1, "no_allow_rule_matched"],
  ]);
  const group = require(', when: [{key: "request.auth.claims[groups]", values: ["group1"]}]');
  says("a group claim", inline + group, [
    [`${CURL} GET /headers --jwt group1.jwt`, 0, "allow_rule_matched", "require-jwt[0]"],
    [`${CURL} GET /headers --jwt group2.jwt`, 1, "no_allow_rule_matched"],
    [`${CURL} GET /headers --jwt plain.jwt`, 1, "no_allow_rule_matched"],
  ]);

  test("keys that are elsewhere: the answer says that nobody has verified the token", async () => {
    const file = join(directory, "remote.yaml");
    writeFileSync(file, MESH + authentication('jwksUri: "https://example.org/jwks"') + group);
    const question = [...CURL.split(" "), "GET", "/headers", "-f", file];
    const can = await symbolon("authz", "can", ...question, "--jwt", join(directory, "group1.jwt"));
    expect(can.status).toBe(0);
    expect(can.stderr).toContain("signature was NOT verified");
    expect(can.stderr).toContain("https://example.org/jwks");
    const expired = await symbolon("authz", "can", ...question, "--jwt", join(directory, "expired.jwt"));
    expect([expired.status, expired.stderr]).toEqual([1, ""]);
    const keys = ["--jwks", join(directory, "keys.json")];
    writeFileSync(join(directory, "keys.json"), jwks);
    const verified = await symbolon("authz", "can", ...question, "--jwt", join(directory, "group1.jwt"), ...keys);
    expect([verified.status, verified.stderr]).toEqual([0, ""]);
    const foreign = await symbolon("authz", "can", ...question, "--jwt", join(directory, "foreign.jwt"), ...keys);
    expect([foreign.status, foreign.stdout]).toEqual([1, expect.stringContaining("[token_signature_invalid]")]);
  });

  test("a token that no policy looks at gives no claims, and a file without one is bad input", async () => {
    const file = join(directory, "none.yaml");
    writeFileSync(file, MESH + require(""));
    const question = [...CURL.split(" "), "GET", "/headers", "-f", file];
    const can = await symbolon("authz", "can", ...question, "--jwt", join(directory, "plain.jwt"));
    expect(can.status).toBe(1);
    expect(can.stderr).toContain("no RequestAuthentication applies to the workload");
    const none = await symbolon("authz", "can", ...question, "--jwt", join(directory, "none.jwt"));
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining("holds no token")]);
  });

  test("a token goes where its rule looks for it", async () => {
    const file = join(directory, "places.yaml");
    for (const place of [
      'fromHeaders: [{name: x-jwt, prefix: "T "}]',
      "fromParams: [token]",
      "fromCookies: [session]",
    ]) {
      writeFileSync(file, MESH + authentication(`jwks: '${jwks}', ${place}`) + require(""));
      const question = [...CURL.split(" "), "GET", "/headers?a=b", "-f", file, "--jwt", join(directory, "plain.jwt")];
      expect({ place, status: (await symbolon("authz", "can", ...question)).status }).toEqual({ place, status: 0 });
    }
  });
});

describe("authz-tcp", () => {
  const ports = (action: string, more: string, list: string) =>
    policy("tcp-policy", "tcp-echo", `action: ${action}, rules: [{to: [{operation: {${more}ports: [${list}]}}]}]`);
  const echo = (port: number) => `--from foo/curl --to foo/tcp-echo --port ${port}`;
  says("ALLOW by port", ports("ALLOW", "", '"9000", "9001"'), [
    [echo(9000), 0, "allow_rule_matched", "tcp-policy[0]"],
    [echo(9001), 0, "allow_rule_matched", "tcp-policy[0]"],
    [echo(9002), 1, "no_allow_rule_matched"],
  ]);
  says("ALLOW with a method is no rule at all on TCP", ports("ALLOW", 'methods: ["GET"], ', '"9000"'), [
    [echo(9000), 1, "no_allow_rule_matched"],
    [`${echo(9000)} GET /`, 1, "no_allow_rule_matched"],
  ]);
  says("DENY with a method denies the whole port", ports("DENY", 'methods: ["GET"], ', '"9000"'), [
    [echo(9000), 1, "deny_rule_matched", "tcp-policy[0]"],
    [echo(9001), 0, "no_allow_policy"],
    ["--from foo/curl --to foo/tcp-echo", 2, "port_unknown"],
  ]);
});

describe("authz-ingress and path templates", () => {
  const denyList = policy(
    "deny-list",
    "httpbin",
    'action: DENY, rules: [{from: [{source: {ipBlocks: ["10.2.3.4", "192.168.0.0/16"]}}]}]',
  );
  says("a list of addresses that are denied", denyList, [
    [`${CURL} GET / --source-ip 10.2.3.4`, 1, "deny_rule_matched", "deny-list[0]"],
    [`${CURL} GET / --source-ip 10.2.3.5`, 0, "no_allow_policy"],
    [`${CURL} GET / --source-ip 192.168.9.9`, 1, "deny_rule_matched", "deny-list[0]"],
    [`${CURL} GET /`, 2, "fact_missing", "deny-list[0]"],
  ]);
  const remote = denyList.replace("ipBlocks", "remoteIpBlocks");
  says("original clients behind proxies", remote, [
    [`${CURL} GET / --source-ip 10.9.9.9 --remote-ip 10.2.3.4`, 1, "deny_rule_matched", "deny-list[0]"],
    [`${CURL} GET / --source-ip 10.2.3.4 --remote-ip 10.9.9.9`, 0, "no_allow_policy"],
  ]);
  const templates = policy("templates", "httpbin", 'rules: [{to: [{operation: {paths: ["/foo/{*}/bar/{**}"]}}]}]');
  says("path templates", templates, [
    [`${CURL} GET /foo/buzz/bar/bat.txt`, 0, "allow_rule_matched", "templates[0]"],
    [`${CURL} GET /foo/buzz/bar/a/b`, 0, "allow_rule_matched", "templates[0]"],
    [`${CURL} GET /foo/bar/bat.txt`, 1, "no_allow_rule_matched"],
  ]);
});
