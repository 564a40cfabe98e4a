/** What a running mesh refuses: explained in one command, kept over a kill of the control plane, audited; the way to STRICT. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { verifyAuditLog } from "../../packages/symbolon/src/audit/index.ts";
import type { StoredDenial } from "../../packages/symbolon/src/telemetry/index.ts";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl");
const URL = "http://httpbin.foo:8000";

const readers = (methods: readonly string[]) =>
  JSON.stringify({
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "readers", namespace: "foo" },
    spec: {
      selector: { matchLabels: { app: "httpbin" } },
      rules: [
        { from: [{ source: { principals: ["cluster.local/ns/foo/sa/curl"] } }], to: [{ operation: { methods } }] },
      ],
    },
  });

describe.skipIf(why !== undefined)("denials of a running mesh", () => {
  let mesh: MeshUnderTest;
  const denials = (...args: readonly string[]): readonly StoredDenial[] =>
    JSON.parse(succeed(mesh.symbolon("authz", "denials", "-o", "json", "--last", "1000", ...args)).stdout).denials;
  const withRequestId = (id: string) => ["-H", `x-request-id: ${id}`];

  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        namespace("legacy") +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        ["foo", "legacy"].map((ns) => deployment({ name: "curl", namespace: ns, image: CURL_IMAGE })).join(""),
    );
    mesh.apply(readers(["GET"]));
  });
  afterAll(() => mesh?.down());

  test("a refused request is explained by its id, and the change that the explanation names lets it in", async () => {
    const id = "5b8a4e2c-7f0e-4ad1-8f3e-0d5ad1c2b7e9";
    expect(mesh.curl("foo", `${URL}/post`, "-X", "POST", ...withRequestId(id))).toBe("403/0");
    const { stdout: text } = await eventually(
      "the denial is explained",
      () => mesh.symbolon("authz", "explain", id),
      ({ status }) => status === 0,
    );
    expect(text).toContain("denied: POST /post at foo/httpbin-");
    expect(text).toContain('✗ methods: wanted one of "GET"; got "POST"');
    expect(text).toContain('allow: method "GET" instead of "POST"');
    expect(text).toContain('allow: add "POST" to rules[0].to[0].methods of ALLOW policy foo/readers');
    expect(mesh.curl("foo", `${URL}/get`)).toBe("200/0");
    mesh.apply(readers(["GET", "POST"]));
    expect(mesh.curl("foo", `${URL}/post`, "-X", "POST")).toBe("200/0");
    mesh.apply(readers(["GET"]));
  });

  test("plaintext at a STRICT port is a denial that names what decided", async () => {
    mesh.apply(peerAuthentication("default", "foo", { mtls: { mode: "STRICT" } }));
    expect(mesh.curl("legacy", `${URL}/get`)).toBe("000/56");
    const { stdout: text } = await eventually(
      "the refusal is the newest denial",
      () => mesh.symbolon("authz", "explain", "--last", "1"),
      ({ stdout }) => stdout.includes("plaintext_refused"),
    );
    expect(text).toContain("mutual TLS of port 8080 is STRICT, as PeerAuthentication foo/default says");
    expect(text).toContain("give it a sidecar");
    succeed(mesh.symbolon("delete", "peerauthentication", "default", "-n", "foo"));
  });

  test("STRICT is refused while somebody still comes in plaintext, and names him", async () => {
    expect(mesh.curl("legacy", `${URL}/get`)).toBe("403/0");
    const plan = await eventually(
      "the caller is known",
      () => mesh.symbolon("strict", "--namespace", "foo", "--plan"),
      ({ status }) => status === 79,
    );
    const applied = mesh.symbolon("strict", "--namespace", "foo", "--apply");
    expect(plan.stdout).toContain("Deployment legacy/curl: give it a sidecar");
    expect([applied.status, applied.stderr]).toEqual([79, expect.stringContaining("nothing was changed")]);
    expect(mesh.symbolon("describe", "deploy/httpbin", "-n", "foo").stdout).toContain("Deployment legacy/curl");
  });

  test("no denial is lost when the control plane is killed in between", async () => {
    const before = denials().length;
    const ids = Array.from({ length: 30 }, (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
    for (const [n, id] of ids.entries()) {
      if (n % 10 === 5) for (const pid of mesh.processes("internal", "control-plane")) process.kill(pid, "SIGKILL");
      expect(mesh.curl("foo", `${URL}/post`, "-X", "POST", ...withRequestId(id))).toBe("403/0");
    }
    const kept = await eventually(
      "all denials are kept",
      () => {
        const { status, stdout } = mesh.symbolon("authz", "denials", "-o", "json", "--last", "1000");
        return status === 0 ? (JSON.parse(stdout).denials as readonly StoredDenial[]) : [];
      },
      (found) => found.length >= before + ids.length,
    );
    expect(kept.slice(before).map(({ requestId }) => requestId)).toEqual(ids);
    console.log(`${ids.length} denials over 3 kills of the control plane: all kept, in order`);
  });

  test("the audit log has each of them, and verifies", async () => {
    const { stdout } = succeed(mesh.symbolon("audit", "query", "--kind", "request.deny", "-o", "json"));
    const events: readonly { details: { denial: string } }[] = JSON.parse(stdout).events;
    const audited = new Set(events.map(({ details }) => details.denial));
    expect(denials().filter(({ id, request }) => request && !audited.has(id))).toEqual([]);
    for (const log of ["control-plane", "agent"]) {
      const files = await readAuditLog(join(mesh.stateDirectory, "audit", log));
      const { problems, lines } = await verifyAuditLog(files, { now: new Date() });
      expect([log, problems]).toEqual([log, []]);
      expect(lines).toBeGreaterThan(0);
    }
    expect(mesh.symbolon("audit", "verify").status).toBe(0);
  });
});
