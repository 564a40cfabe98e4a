import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAM = resolve(import.meta.dir, "../../../../bin/symbolon.ts");
const MANIFESTS = `apiVersion: v1
kind: Namespace
metadata: {name: bar, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: httpbin, namespace: bar, labels: {app: httpbin}}
spec: {containers: [{name: c, image: i, ports: [{containerPort: 8000}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: bar}
spec: {rules: [{from: [{source: {namespaces: [foo]}}], to: [{operation: {methods: [GET]}}]}]}
`;

describe("symbolon authz can", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "authz-can-"));
    writeFileSync(join(directory, "a.yaml"), MANIFESTS);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function can(line: string): { readonly status: number; readonly out: string; readonly err: string } {
    const { exitCode, stdout, stderr } = Bun.spawnSync({
      cmd: [process.execPath, PROGRAM, "authz", "can", ...line.split(" ")],
      cwd: directory,
    });
    return { status: exitCode, out: stdout.toString(), err: stderr.toString() };
  }

  test("ends with 0 and one line: the policy, its rule and the reason code", () => {
    expect(can("--from foo/sa/curl --to bar/httpbin GET /headers -f .")).toEqual({
      status: 0,
      out: "allowed: ALLOW policy bar/p (a.yaml:10), rule 0 matches [allow_rule_matched]\n",
      err: "",
    });
  });

  test("ends with 1 when denied, as JSON too", () => {
    const { status, out } = can("--from foo/sa/curl --to bar/httpbin POST /headers -f a.yaml -o json");
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual({
      outcome: "deny",
      reason: "no_allow_rule_matched",
      text: "denied: no rule of ALLOW policy bar/p (a.yaml:10) matches [no_allow_rule_matched]",
      notes: [],
      seen: {
        caller: "service account foo/curl",
        spiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
        workload: "Pod bar/httpbin",
        port: 8000,
        protocol: "http",
        mtls: "PERMISSIVE, as no PeerAuthentication says otherwise",
        request: "POST /headers, host httpbin.bar",
      },
    });
  });

  test("ends with 2 when the manifests do not tell, and suggests a name", () => {
    const { status, out } = can("--from foo/sa/curl --to bar/htpbin GET /headers -f .");
    const text = "cannot say: there is no workload bar/htpbin; did you mean bar/httpbin? [workload_not_found]\n";
    expect([status, out]).toEqual([2, text]);
  });

  test("ends with 2 when the manifests have errors or cannot be read", () => {
    writeFileSync(join(directory, "bad.yaml"), MANIFESTS.replace("methods", "metods"));
    const { status, err } = can("--to bar/httpbin GET / -f bad.yaml");
    expect(status).toBe(2);
    expect(err.trim().split("\n")).toHaveLength(2);
    expect(err).toContain('bad.yaml:13:74: error SYM0101 spec.rules[0].to[0].operation.metods: unknown field "metods"');
    rmSync(join(directory, "bad.yaml"));
    const absent = can("--to bar/httpbin GET / -f absent.yaml");
    expect([absent.status, absent.err]).toEqual([2, expect.stringContaining("no such file or directory")]);
  });

  test("refuses questions that are none with 64", () => {
    for (const line of [
      "--to /bar GET / -f .",
      "--to bar/httpbin GET -f .",
      "GET / -f .",
      "--to bar/httpbin --port 0 -f .",
      "--to bar/httpbin -H a=b -f .",
      "--to bar/httpbin --source-ip 1.2.3 -f .",
      "--to bar/httpbin GET / -H a -f .",
      "--to bar/httpbin GET / -f . --trust-domain a/b",
      "--to bar/httpbin GET / -f . -n B",
    ])
      expect({ line, status: can(line).status }).toEqual({ line, status: 64 });
  });

  test("ends without a word when nobody reads what it prints", () => {
    const command = `${process.execPath} ${PROGRAM} authz can --help`;
    const { stderr } = Bun.spawnSync({ cmd: ["sh", "-c", `${command} | exec true`] });
    expect(stderr.toString()).toBe("");
  });

  test("its help has examples, and no defaults that say nothing", () => {
    expect(can("--help").out).not.toContain("[])");
    expect(can("--help").out).toContain(
      "symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f manifests/",
    );
  });
});
