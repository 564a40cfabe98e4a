import { describe, expect, test } from "bun:test";
import { findKind, kindAliases, kindNames } from "./kinds.ts";
import { isClusterScoped, labelsMatch, MESH_KINDS, objectKeyText } from "./object.ts";

describe("kinds", () => {
  test("are found by every name that kubectl takes", () => {
    for (const alias of ["deploy", "deployment", "deployments", "Deployment", "deployments.apps", "deployment.apps"])
      expect(findKind(alias)?.kind).toBe("Deployment");
    expect(findKind("pa")?.kind).toBe("PeerAuthentication");
    expect(findKind("peerauthentications.security.istio.io")?.kind).toBe("PeerAuthentication");
    expect(findKind("po")?.kind).toBe("Pod");
  });

  test("nothing else is a kind", () => {
    for (const alias of ["", "deployments.v1", "pods.apps", "toString", "pod s"])
      expect(findKind(alias)).toBeUndefined();
  });

  test("every kind has names, and no alias stands for two", () => {
    for (const kind of MESH_KINDS) expect(kindNames(kind).kind).toBe(kind);
    expect(new Set(kindAliases()).size).toBe(kindAliases().length);
    expect(MESH_KINDS.filter(isClusterScoped)).toEqual(["Namespace", "ClusterStaticEntry"]);
  });

  test("objects are named as users name them", () => {
    expect(objectKeyText({ kind: "Namespace", namespace: "", name: "foo" })).toBe("Namespace foo");
    expect(objectKeyText({ kind: "Pod", namespace: "foo", name: "a" })).toBe("Pod foo/a");
  });
});

describe("labelsMatch", () => {
  test("is a subset test", () => {
    expect(labelsMatch({}, {})).toBe(true);
    expect(labelsMatch({ a: "1" }, { a: "1", b: "2" })).toBe(true);
    expect(labelsMatch({ a: "1", b: "2" }, { a: "1" })).toBe(false);
    expect(labelsMatch({ a: "" }, {})).toBe(false);
    expect(labelsMatch({ constructor: "x" }, {})).toBe(false);
  });
});
