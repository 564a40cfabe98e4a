import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createControlPlaneFixture } from "../../../../test/fakes/control-plane-fixture.ts";
import type { AuditEvent } from "../core/index.ts";
import type { ReportedDenial, StoredDenial } from "../telemetry/index.ts";
import { createDenials } from "./denials.ts";
import type { DenialStore } from "./ports.ts";

const MESH = `
apiVersion: v1
kind: Pod
metadata: {name: httpbin, namespace: foo, labels: {app: httpbin, sidecar.istio.io/inject: "true"}}
spec: {containers: [{name: c, image: i, command: ["true"]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: foo}
spec:
  rules:
    - from: [{source: {principals: ["cluster.local/ns/foo/sa/curl"]}}]
      to: [{operation: {methods: ["GET"]}}]
`;

async function fixture() {
  const mesh = await createControlPlaneFixture({ files: MESH });
  const podUid = mesh.control.status().pods[0]?.pod.uid ?? "";
  const events: AuditEvent[] = [];
  const stored: Omit<StoredDenial, "sequence">[] = [];
  const state = { failAudit: false, failStore: false };
  const store: DenialStore = {
    onlyNew: (denials) => denials.filter(({ id }) => stored.every((each) => each.id !== id)),
    write(denials) {
      if (state.failStore) throw new Error("state unwritable");
      stored.push(...denials);
    },
    list: () => [],
  };
  const denials = createDenials({
    configs: mesh.control.configs,
    denials: store,
    audit: {
      async write(event) {
        if (state.failAudit) throw new Error("disk full");
        events.push(event);
      },
    },
    clock: createFakeClock(),
    log: silentLog,
  });
  const version = mesh.control.status().version;
  return { mesh, podUid, version, events, stored, state, denials };
}

function denial(podUid: string, configVersion: number, changes: Partial<ReportedDenial> = {}): ReportedDenial {
  return {
    id: "run-1",
    time: "2026-01-01T00:00:00.000Z",
    what: "request",
    configVersion,
    workload: { namespace: "foo", podName: "httpbin", podUid },
    connectionId: 7,
    requestId: "r1",
    reason: "no_allow_rule_matched",
    detail: "rbac_access_denied_matched_policy[none]",
    connection: {
      peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
      sourceAddress: "10.244.0.9",
      destinationAddress: "10.244.0.2",
      destinationPort: 8080,
    },
    request: {
      method: "POST",
      path: "/x",
      host: "httpbin.foo",
      headers: [
        ["a", "1"],
        ["a", "2"],
      ],
    },
    ...changes,
  };
}

describe("a denial that a proxy reports", () => {
  test("is explained by the policies of its pod, audited and stored", async () => {
    const { podUid, version, events, stored, denials } = await fixture();
    await denials.store(podUid, { denials: [denial(podUid, version)], lost: 0 });
    const [{ explanation } = { explanation: undefined }] = stored;
    expect(explanation?.text).toContain('methods: wanted one of "GET"; got "POST"');
    expect(explanation?.flips.map(({ change }) => change.text).join()).toContain('method "GET" instead of "POST"');
    expect(explanation?.notes).toEqual([]);
    expect(events).toEqual([
      {
        kind: "request.deny",
        outcome: "refused",
        actor: "spiffe://cluster.local/ns/foo/sa/curl",
        subject: "foo/httpbin",
        code: "no_allow_rule_matched",
        details: {
          denial: "run-1",
          requestId: "r1",
          method: "POST",
          path: "/x",
          host: "httpbin.foo",
          port: 8080,
          configVersion: version,
        },
      },
    ]);
  });

  test("of a connection, and of a plaintext caller, has its own kind and actor", async () => {
    const { podUid, version, events, denials } = await fixture();
    const { request: _request, requestId: _id, ...connection } = denial(podUid, version);
    const { peerSpiffeId: _peer, ...plaintext } = connection.connection;
    await denials.store(podUid, { denials: [{ ...connection, connection: plaintext }], lost: 0 });
    expect(events[0]).toMatchObject({ kind: "connection.deny", actor: "unauthenticated (10.244.0.9)" });
  });

  test("says when other policies explain it than decided it, and when they would decide otherwise", async () => {
    const { podUid, version, stored, denials } = await fixture();
    const allowed = { method: "GET", path: "/x", host: "h", headers: [] };
    await denials.store(podUid, { denials: [denial(podUid, version - 1, { request: allowed })], lost: 0 });
    expect(stored[0]?.explanation.notes).toEqual([
      expect.stringContaining(`decided by configuration ${version - 1}, explained by ${version}`),
      expect.stringContaining("the decision would be allow"),
    ]);
  });

  test("that comes twice is one; of another pod it is none; of a pod that is gone it has no explanation", async () => {
    const { podUid, version, events, stored, denials } = await fixture();
    const report = { denials: [denial(podUid, version)], lost: 0 };
    await denials.store(podUid, report);
    await denials.store(podUid, report);
    await denials.store(podUid, { denials: [denial("other", version, { id: "run-2" })], lost: 0 });
    expect([events.length, stored.length]).toEqual([1, 1]);
    await denials.store("gone", { denials: [denial("gone", version, { id: "run-3" })], lost: 0 });
    expect(stored[1]?.explanation.notes[0]).toStartWith("the pod is gone");
  });

  test("that leaves no audit line is not stored, so that the proxy repeats it", async () => {
    const { podUid, version, stored, state, denials } = await fixture();
    state.failAudit = true;
    await expect(denials.store(podUid, { denials: [denial(podUid, version)], lost: 0 })).rejects.toThrow("disk full");
    expect(stored).toEqual([]);
  });

  test("whose store failed is audited once, however often the proxy repeats it; so is what got lost", async () => {
    const { podUid, version, events, stored, state, denials } = await fixture();
    const report = { denials: [denial(podUid, version)], lost: 3 };
    state.failStore = true;
    for (let n = 0; n < 3; n++) await expect(denials.store(podUid, report)).rejects.toThrow("state unwritable");
    state.failStore = false;
    await denials.store(podUid, report);
    expect(stored).toHaveLength(1);
    expect(events.map(({ kind }) => kind)).toEqual(["request.deny", "audit.gap"]);
  });

  test("that comes again while the first report is being written is audited and stored once", async () => {
    const { podUid, version, events, stored, denials } = await fixture();
    const report = { denials: [denial(podUid, version)], lost: 0 };
    await Promise.all([denials.store(podUid, report), denials.store(podUid, report)]);
    expect(events).toHaveLength(1);
    expect(new Set(stored.map(({ id }) => id)).size).toBe(1);
  });

  test("with 99 others leaves the event loop free between them", async () => {
    const { podUid, version, stored, denials } = await fixture();
    const many = Array.from({ length: 100 }, (_, n) => denial(podUid, version, { id: `run-${n}` }));
    const seen = new Set<number>();
    let done = false;
    const storing = denials.store(podUid, { denials: many, lost: 0 }).then(() => {
      done = true;
    });
    while (!done) {
      seen.add(stored.length);
      await new Promise(setImmediate);
    }
    await storing;
    expect(stored.map(({ id }) => id)).toEqual(many.map(({ id }) => id));
    expect(seen.size).toBeGreaterThan(5);
  });

  test("that got lost at the proxy is a gap in the audit log", async () => {
    const { podUid, events, denials } = await fixture();
    await denials.store(podUid, { denials: [], lost: 12 });
    expect(events).toMatchObject([{ kind: "audit.gap", details: { denialsNotReported: 12 } }]);
  });

  test("whose policies are too many has its text and no data of them", async () => {
    const { mesh, podUid, stored, denials } = await fixture();
    const values = Array.from({ length: 900 }, (_, n) => `"/some/long/path/number/${n}"`).join(", ");
    await mesh.edit(MESH.replace("methods:", `paths: [${values}], methods:`));
    await denials.store(podUid, { denials: [denial(podUid, mesh.control.status().version)], lost: 0 });
    const { explanation } = stored[0] as StoredDenial;
    expect(explanation.policies).toBeUndefined();
    expect(explanation.text).toContain("/some/long/path/number/0");
  });
});

describe("a refusal that mutual TLS made", () => {
  const refused = (podUid: string, version: number, reason: string): ReportedDenial => {
    const { request: _request, requestId: _id, rule: _rule, ...denied } = denial(podUid, version);
    return { ...denied, reason, detail: "STRICT: the connection does not start with TLS" };
  };

  test("is explained by the mode of the port and who decided it, and by what to do", async () => {
    const { podUid, version, events, stored, denials } = await fixture();
    await denials.store(podUid, { denials: [refused(podUid, version, "plaintext_refused")], lost: 0 });
    const { text, flips, notes } = stored[0]?.explanation ?? { text: "" };
    expect(text).toContain("denied: STRICT: the connection does not start with TLS\nmutual TLS of");
    expect(text).toContain("give it a sidecar");
    expect([flips, notes]).toEqual([[], []]);
    expect(events[0]).toMatchObject({ kind: "connection.deny", code: "plaintext_refused" });
  });
});

test("a refused token is explained by its rule and the words of the proxy", async () => {
  const { podUid, version, events, stored, denials } = await fixture();
  const detail = "jwt_authn_access_denied{Jwt_is_expired} RequestAuthentication foo/jwt jwtRules[0], exp 2023-11-14";
  const refused = denial(podUid, version, { reason: "jwt_expired", detail });
  await denials.store(podUid, { denials: [refused], lost: 0 });
  expect(stored[0]?.explanation.text).toStartWith(
    `denied: ${detail}\nthe token was refused, before any AuthorizationPolicy was asked\nthe caller needs a newer token`,
  );
  expect(events[0]).toMatchObject({ kind: "request.deny", code: "jwt_expired" });
});
