import { describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { TrustDomain } from "@symbolon/spiffe/id";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createTrustedBundles } from "./trusted-bundles.ts";

const OWN = createTestAuthority("mesh.example");
const OTHER = createTestAuthority("other.example");
const mesh = (...trustDomainAliases: readonly string[]) => ({ trustDomain: "mesh.example", trustDomainAliases });
const trusted = (set: BundleSet, name: string) => set.get(TrustDomain.parse(name))?.x509Authorities;

describe("bundles that peers are verified against", () => {
  const own = BundleSet.of(OWN.bundle, OTHER.bundle);

  test("an alias has the mesh's own authorities, unless it has a bundle of its own", () => {
    const bundles = createTrustedBundles()(own, mesh("old.example", "other.example"));
    expect(trusted(bundles, "old.example")).toEqual(OWN.bundle.x509Authorities);
    expect(trusted(bundles, "other.example")).toEqual(OTHER.bundle.x509Authorities);
    expect(trusted(bundles, "mesh.example")).toEqual(OWN.bundle.x509Authorities);
  });

  test("no other domain is trusted: nearly the alias, a wildcard", () => {
    const bundles = createTrustedBundles()(own, mesh("old.example", "*.example"));
    for (const name of ["old.example.org", "older.example", "x.example"])
      expect(trusted(bundles, name)).toBeUndefined();
  });

  test("nobody is trusted without bundles, and without aliases nobody more", () => {
    expect(createTrustedBundles()(undefined, mesh("old.example")).bundles).toEqual([]);
    expect(createTrustedBundles()(own, mesh())).toBe(own);
  });

  test("are the same object until bundles or aliases change", () => {
    const bundlesOf = createTrustedBundles();
    const config = mesh("old.example");
    const first = bundlesOf(own, config);
    expect(bundlesOf(own, config)).toBe(first);
    expect(trusted(bundlesOf(own, mesh("older.example")), "old.example")).toBeUndefined();
    expect(trusted(bundlesOf(BundleSet.of(OTHER.bundle), config), "old.example")).toBeUndefined();
  });
});
