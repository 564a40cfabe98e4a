import { describe, expect, test } from "bun:test";
import { fakePod } from "../../../../test/fakes/pod-runtime-fixture.ts";
import { workloadRow } from "./overview.ts";

const facts = {
  mtlsMode: "strict",
  spiffeId: "spiffe://cluster.local/ns/foo/sa/default",
  notAfter: "2026-01-02T00:00:00Z",
  serialNumber: "0a",
  configVersion: 7,
} as const;

describe("workloadRow", () => {
  test("shows what the pod's proxy says of itself", () => {
    expect(workloadRow(fakePod("p"), { phase: "running", ready: true, containers: [] }, facts)).toEqual({
      namespace: "foo",
      pod: "p",
      ready: true,
      address: "10.244.0.2",
      sidecar: true,
      mtlsMode: "strict",
      spiffeId: facts.spiffeId,
      certificateNotAfter: facts.notAfter,
      certificateSerial: "0a",
      configVersion: 7,
    });
  });

  test("a pod that nobody has reported on is not ready, and has no facts that nobody knows", () => {
    const row = { namespace: "foo", pod: "p", ready: false, address: "10.244.0.2", sidecar: true };
    expect(workloadRow(fakePod("p"), undefined, undefined)).toEqual(row);
    expect(workloadRow(fakePod("p"), { phase: "pending", ready: false, reason: "why", containers: [] }, {})).toEqual({
      ...row,
      reason: "why",
    });
  });

  test("a pod without sidecar has no mode and no identity, whatever its proxy says", () => {
    const row = workloadRow(fakePod("p", { sidecar: false }), undefined, facts);
    expect(row).not.toHaveProperty("mtlsMode");
    expect(row).not.toHaveProperty("spiffeId");
    expect(row).not.toHaveProperty("certificateSerial");
    expect(row.configVersion).toBe(7);
  });
});
