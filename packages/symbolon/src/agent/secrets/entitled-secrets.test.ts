import { describe, expect, test } from "bun:test";
import { BundleSet, JwtBundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { TrustDomain } from "@symbolon/spiffe/id";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import type { Entitlement } from "../workload.ts";
import { entitledSecrets } from "./entitled-secrets.ts";
import type { SecretContent, SecretValidator } from "./secret-content.ts";

const own = createTestAuthority("example.org");
const other = createTestAuthority("abroad.example");
const web = own.issue("/web");
const admin = own.issue("/admin");
const granted = {
  kind: "granted" as const,
  svids: [{ svid: web }, { svid: admin }],
  bundles: BundleSet.of(own.bundle, other.bundle),
  jwtBundles: JwtBundleSet.of(),
} satisfies Entitlement;

const ask = (
  names: readonly string[],
  entitlement: Entitlement = granted,
  validator: SecretValidator = "spiffe-validation",
) => entitledSecrets(entitlement, new Set(names), validator);
const domains = (content: SecretContent | undefined) =>
  content?.kind === "spiffe-validation" ? content.trustDomains.map(({ trustDomain }) => trustDomain) : content?.kind;

describe("certificates", () => {
  test("`default` is the first identity, with its own key", () => {
    expect(ask(["default"]).secrets.get("default")).toEqual({
      kind: "certificate",
      chainPem: web.certificateChainPem(),
      privateKey: web.privateKey,
    });
  });

  test("each identity has its SPIFFE ID as a name", () => {
    const content = ask(["spiffe://example.org/admin"]).secrets.get("spiffe://example.org/admin");
    expect(content).toMatchObject({ kind: "certificate", chainPem: admin.certificateChainPem() });
  });

  test("another workload's SPIFFE ID is missing, and so is one that differs in case alone", () => {
    const names = ["spiffe://example.org/db", "spiffe://example.org/Admin", "Default"];
    const { secrets, missing } = ask(names);
    expect([secrets.size, [...missing.keys()]]).toEqual([0, names]);
  });
});

describe("validation contexts", () => {
  test("ROOTCA is the own trust domain alone, ALL every one, sorted by name", () => {
    const { secrets } = ask(["ROOTCA", "ALL"]);
    expect(domains(secrets.get("ROOTCA"))).toEqual(["example.org"]);
    expect(domains(secrets.get("ALL"))).toEqual(["abroad.example", "example.org"]);
  });

  test("ROOTCA and the trust domain's ID in one request are both answered", () => {
    const { secrets, missing } = ask(["ROOTCA", "spiffe://example.org", "spiffe://abroad.example"]);
    expect([...secrets].map(([name, content]) => [name, domains(content)])).toEqual([
      ["ROOTCA", ["example.org"]],
      ["spiffe://example.org", ["example.org"]],
      ["spiffe://abroad.example", ["abroad.example"]],
    ]);
    expect(missing.size).toBe(0);
  });

  test("a trust domain that is not federated with is missing", () => {
    expect([...ask(["spiffe://third.example"]).missing.keys()]).toEqual(["spiffe://third.example"]);
  });

  test("as a plain list of authorities on request; several trust domains in one list are refused", () => {
    const { secrets, missing } = ask(["ROOTCA", "spiffe://abroad.example", "ALL"], granted, "trusted-ca");
    expect(secrets.get("ROOTCA")).toEqual({ kind: "trusted-ca", authoritiesPem: own.bundle.toPem() });
    expect(secrets.get("spiffe://abroad.example")).toEqual({
      kind: "trusted-ca",
      authoritiesPem: other.bundle.toPem(),
    });
    expect(missing.get("ALL")).toContain("SPIFFE validator");
  });

  test("ALL is refused as a plain list even when there is one trust domain", () => {
    const alone: Entitlement = { ...granted, bundles: BundleSet.of(own.bundle) };
    expect([...ask(["ALL"], alone, "trusted-ca").missing.keys()]).toEqual(["ALL"]);
  });

  test("a bundle without authorities is no bundle: its name is missing, and ALL leaves it out", () => {
    const empty = X509Bundle.fromCertificates(TrustDomain.parse("abroad.example"), []);
    const { secrets, missing } = ask(["spiffe://abroad.example", "ALL"], {
      ...granted,
      bundles: BundleSet.of(own.bundle, empty),
    });
    expect([...missing.keys()]).toEqual(["spiffe://abroad.example"]);
    expect(domains(secrets.get("ALL"))).toEqual(["example.org"]);
  });
});

test("everything is every identity and every trust domain by its own name", () => {
  const { secrets } = entitledSecrets(granted, "everything", "spiffe-validation");
  expect([...secrets.keys()]).toEqual([
    "spiffe://example.org/web",
    "spiffe://example.org/admin",
    "spiffe://example.org",
    "spiffe://abroad.example",
  ]);
});

describe("without an identity", () => {
  test("names wait while the first certificate is under way", () => {
    const { pending, missing } = ask(["default", "ROOTCA"], { kind: "pending", reason: "under way" });
    expect([pending, missing.size]).toEqual([["default", "ROOTCA"], 0]);
  });

  test("every name is missing when the workload is entitled to nothing", () => {
    const { pending, missing } = ask(["default", "ROOTCA"], { kind: "none", reason: "no entry" });
    expect([pending.length, [...missing]]).toEqual([
      0,
      [
        ["default", "no entry"],
        ["ROOTCA", "no entry"],
      ],
    ]);
  });
});
