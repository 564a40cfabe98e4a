import { describe, expect, test } from "bun:test";
import { findingLines, parse } from "../../../../test/fakes/manifests.ts";
import type { ClusterStaticEntryObject } from "./manifest-objects.ts";

const GOOD = {
  spiffeID: "spiffe://cluster.local/db",
  selectors: ["unix:uid:1000", "unix:path:/usr/bin/node"],
};

function read(spec: Record<string, unknown>, over: Record<string, unknown> = {}) {
  const document = {
    apiVersion: "spire.spiffe.io/v1alpha1",
    kind: "ClusterStaticEntry",
    metadata: { name: "db" },
    spec,
    ...over,
  };
  const { objects, findings } = parse(JSON.stringify(document));
  return { entry: objects[0]?.object as ClusterStaticEntryObject | undefined, findings: findingLines(findings) };
}

/** The one finding of an entry that is refused. */
function refusal(spec: Record<string, unknown>, over: Record<string, unknown> = {}): string {
  const { entry, findings } = read({ ...GOOD, ...spec }, over);
  expect(entry).toBeUndefined();
  expect(findings).toHaveLength(1);
  return findings[0] ?? "";
}

describe("a ClusterStaticEntry", () => {
  test("says which processes have which SPIFFE ID", () => {
    const { entry, findings } = read(GOOD);
    expect(findings).toEqual([]);
    expect(entry).toMatchObject({
      kind: "ClusterStaticEntry",
      meta: { name: "db", namespace: "" },
      selectors: [
        { type: "unix", value: "uid:1000" },
        { type: "unix", value: "path:/usr/bin/node" },
      ],
      dnsNames: [],
      federatesWith: [],
    });
    expect(entry?.spiffeId.toString()).toBe("spiffe://cluster.local/db");
  });

  test("may say how long, by which names, and what for", () => {
    const { entry, findings } = read({
      ...GOOD,
      parentID: "spiffe://cluster.local/spire/agent/x",
      x509SVIDTTL: "1h",
      jwtSVIDTTL: "1m30s",
      dnsNames: ["db.example.org"],
      hint: "internal",
      admin: false,
      className: "any",
    });
    expect(findings).toEqual([]);
    expect(entry).toMatchObject({
      x509LifetimeSeconds: 3600,
      jwtLifetimeSeconds: 90,
      dnsNames: ["db.example.org"],
      hint: "internal",
    });
  });

  test("may have an identity that looks like a pod's, or a reserved one", () => {
    for (const spiffeID of ["spiffe://cluster.local/ns/foo/sa/web", "spiffe://cluster.local/spire/server"])
      expect(read({ ...GOOD, spiffeID }).entry?.spiffeId.toString()).toBe(spiffeID);
  });

  test("zero as lifetime is the mesh's own, as in SPIRE", () => {
    expect(read({ ...GOOD, x509SVIDTTL: "0s" }).entry).not.toHaveProperty("x509LifetimeSeconds");
  });

  test("needs a SPIFFE ID with a path", () => {
    expect(refusal({ spiffeID: "spiffe://cluster.local" })).toContain("a workload's SPIFFE ID has a path");
    expect(refusal({ spiffeID: "spiffe://cluster.local/a//b" })).toContain("spec.spiffeID");
    expect(refusal({ spiffeID: "https://cluster.local/a" })).toContain("SYM0104 spec.spiffeID");
    expect(refusal({ spiffeID: undefined })).toContain("SYM0103 spec.spiffeID");
  });

  test("needs at least one selector, each type:value", () => {
    expect(refusal({ selectors: undefined })).toContain("SYM0103 spec.selectors");
    expect(refusal({ selectors: [] })).toContain("SYM0109 spec.selectors");
    for (const selector of ["unix", "unix:", ":uid", "UNIX:uid:1", "unix:path:/a\n"])
      expect(refusal({ selectors: [selector] })).toContain("SYM0104 spec.selectors");
  });

  test("selectors that never hold are taken with a warning", () => {
    const { entry, findings } = read({
      ...GOOD,
      selectors: ["unix:uid:1", "unix:pth:/a", "k8s:ns:foo", "unix:uid:", "unix:user"],
    });
    expect(entry?.selectors).toHaveLength(5);
    expect(findings).toHaveLength(4);
    expect(findings[0]).toContain('warning SYM2309 spec.selectors: "unix:pth:/a" holds for no process');
    expect(findings[0]).toContain('did you mean "unix:path"?');
    expect(findings[1]).toContain('"k8s:ns:foo" holds for no process: nothing here attests it');
    expect(findings[2]).toContain('"unix:uid:" holds for no process: it has no value');
    expect(findings[3]).toContain("it has no value");
  });

  test("values that no process can have are taken with a warning", () => {
    const never = [
      "unix:uid:root",
      "unix:gid:007",
      "unix:path:usr/bin/node",
      `unix:sha256:${"A".repeat(64)}`,
      "container:id:ab",
    ];
    const { findings } = read({ ...GOOD, selectors: never });
    expect(findings).toHaveLength(never.length);
    expect(findings[0]).toContain('"unix:uid:root" holds for no process: after "unix:uid:" comes a decimal number');
    expect(findings[2]).toContain('after "unix:path:" comes an absolute path');
    expect(findings[3]).toContain('after "unix:sha256:" comes 64 lower-case hex digits');
    const may = ["unix:uid:0", "unix:gid:4294967295", "unix:path:/usr/bin/a:b", `unix:sha256:${"a".repeat(64)}`];
    expect(read({ ...GOOD, selectors: may }).findings).toEqual([]);
  });

  test("lifetimes have bounds and are whole seconds", () => {
    expect(read({ ...GOOD, x509SVIDTTL: "5s", jwtSVIDTTL: "24h" }).findings).toEqual([]);
    expect(read({ ...GOOD, x509SVIDTTL: "2160h" }).findings).toEqual([]);
    expect(refusal({ x509SVIDTTL: "4s" })).toContain("must be 5s to 7776000s");
    expect(refusal({ x509SVIDTTL: "2161h" })).toContain("must be 5s to 7776000s");
    expect(refusal({ jwtSVIDTTL: "24h1s" })).toContain("must be 5s to 86400s");
    expect(refusal({ jwtSVIDTTL: "1500ms" })).toContain("whole seconds");
    expect(refusal({ jwtSVIDTTL: "soon" })).toContain("must be a duration");
    expect(refusal({ x509SVIDTTL: 3600 })).toContain("SYM0102");
  });

  test("a hint has at most 1024 bytes, whatever its characters", () => {
    expect(read({ ...GOOD, hint: "é".repeat(512) }).findings).toEqual([]);
    expect(refusal({ hint: `${"é".repeat(512)}x` })).toContain("must be at most 1024 bytes, got 1025");
  });

  test("DNS names are names", () => {
    for (const name of ["*.example.org", "Example.org", "a b", "", `${"a".repeat(64)}.org`])
      expect(refusal({ dnsNames: [name] })).toContain("SYM0104 spec.dnsNames");
  });

  test("powers over SPIRE's own server are refused, not ignored", () => {
    for (const field of ["admin", "downstream", "storeSVID"])
      expect(refusal({ [field]: true })).toContain(`SYM2004 spec.${field}`);
  });

  test("unknown fields, versions and a namespace are refused", () => {
    expect(refusal({ selector: ["unix:uid:1"] })).toContain('unknown field "selector"');
    expect(refusal({}, { apiVersion: "spire.spiffe.io/v1" })).toContain("wanted spire.spiffe.io/v1alpha1");
    expect(refusal({}, { apiVersion: "spire.spife.io/v1alpha1" })).toContain('did you mean "spire.spiffe.io"');
    expect(refusal({}, { metadata: { name: "db", namespace: "foo" } })).toContain("SYM0204");
  });
});
