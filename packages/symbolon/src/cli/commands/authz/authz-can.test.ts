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

  test("ends with 0 and names what allowed", () => {
    expect(can("--from foo/curl --to bar/httpbin GET /headers -f .")).toEqual({
      status: 0,
      out: "allowed by ns[bar]-policy[p]-rule[0]\npolicy bar/p, rule 0 (a.yaml:10)\nport 8000\n",
      err: "",
    });
  });

  test("ends with 1 when denied, as JSON too", () => {
    const { status, out } = can("--from foo/curl --to bar/httpbin POST /headers -f a.yaml -o json");
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual({
      outcome: "deny",
      reason: "no_allow_rule_matched",
      text: "denied: there are ALLOW policies, and none of their rules matched",
      port: 8000,
    });
  });

  test("ends with 2 when the manifests do not tell", () => {
    const { status, out } = can("--from foo/curl --to bar/other GET /headers -f .");
    expect([status, out]).toEqual([2, "cannot tell: no Deployment or Pod bar/other is in the manifests\n"]);
  });

  test("refuses questions that are none with 64, and manifests with errors with 65", () => {
    for (const line of [
      "--to bar GET / -f .",
      "--to bar/httpbin GET -f .",
      "--to bar/httpbin",
      "GET / -f .",
      "--to bar/httpbin --port 0 -f .",
    ])
      expect(can(line).status).toBe(64);
    writeFileSync(join(directory, "bad.yaml"), MANIFESTS.replace("methods", "metods"));
    const { status, err } = can("--to bar/httpbin GET / -f bad.yaml");
    expect(status).toBe(65);
    expect(err.trim().split("\n")).toHaveLength(2);
    expect(err).toContain('bad.yaml:13:74: error SYM0101 spec.rules[0].to[0].operation.metods: unknown field "metods"');
  });

  test("its help has examples", () => {
    expect(can("--help").out).toContain(
      "symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f manifests/",
    );
  });
});
