/** Public tables as data, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { normalizePath, type PathNormalization } from "./normalize-path.ts";
import { expandPrincipal, namesTrustDomain, replaceTrustDomain } from "./trust-domain-aliases.ts";

const FOLDER = fileURLToPath(new URL("../../../../shared/vectors/", import.meta.url));

interface PathVectors {
  readonly groups: readonly {
    readonly mode: string;
    readonly cases: readonly { readonly in: string; readonly out: string }[];
  }[];
}
interface TrustDomainVectors {
  readonly replaceTrustDomainAliases: readonly {
    readonly name: string;
    readonly trustDomain: string;
    readonly aliases: readonly string[];
    readonly principals: readonly string[];
    readonly expect: readonly string[];
  }[];
  readonly replaceTrustDomainInPrincipal: readonly {
    readonly trustDomain?: string;
    readonly in: string;
    /** Absent: an error. */
    readonly out?: string;
  }[];
  readonly isTrustDomainBeingEnforced: readonly (readonly [value: string, isEnforced: boolean])[];
}

onVectors<PathVectors>("path-normalization.json", ({ groups }) => {
  test("345 paths are normalised as Istio's table says", () => {
    const wrong = groups.flatMap(({ mode, cases }) =>
      cases
        .map((vector) => ({ mode, ...vector, got: normalizePath(vector.in, modeOf(mode)) ?? "400" }))
        .filter(({ out, got }) => got !== out),
    );
    assert.deepEqual(wrong, []);
    assert.equal(groups.flatMap(({ cases }) => cases).length, 345);
  });

  test("no mode lets a path of the table become another one when it is normalised twice", () => {
    const paths = groups.flatMap(({ cases }) => cases.map((vector) => vector.in));
    const unstable = groups.flatMap(({ mode }) =>
      paths.filter((path) => {
        const once = normalizePath(path, modeOf(mode));
        return once !== undefined && normalizePath(once, modeOf(mode)) !== once;
      }),
    );
    assert.deepEqual(unstable, []);
  });
});

onVectors<TrustDomainVectors>("istio-tables/trust-domain.json", (vectors) => {
  const { replaceTrustDomainAliases, replaceTrustDomainInPrincipal, isTrustDomainBeingEnforced } = vectors;
  test("4 principals get another trust domain, or have no place for one", () => {
    const actual = replaceTrustDomainInPrincipal.map((vector) =>
      replaceTrustDomain(vector.in, vector.trustDomain ?? ""),
    );
    assert.deepEqual(
      actual,
      replaceTrustDomainInPrincipal.map(({ out }) => out),
    );
  });
  test("6 principals name a trust domain, or do not", () => {
    assert.deepEqual(
      isTrustDomainBeingEnforced.map(([value]) => [value, namesTrustDomain(value)]),
      isTrustDomainBeingEnforced,
    );
  });
  for (const { name, trustDomain, aliases, principals, expect } of replaceTrustDomainAliases)
    test(name, () => {
      const names = { trustDomain, trustDomainAliases: aliases };
      assert.deepEqual(
        principals.flatMap((principal) => expandPrincipal(principal, names)),
        expect,
      );
    });
});

function modeOf(name: string): PathNormalization {
  return name.toLowerCase().replaceAll("_", "-") as PathNormalization;
}

function onVectors<T>(path: string, register: (content: T) => void): void {
  if (existsSync(FOLDER + path)) describe(path, () => register(JSON.parse(readFileSync(FOLDER + path, "utf8"))));
  else console.log(`no tests with ${path}: ${FOLDER} does not have it`);
}
