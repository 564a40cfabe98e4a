import type { X509Bundle } from "@symbolon/spiffe/bundle";
import type { Entitlement } from "../workload.ts";
import type { FoundSecrets, SecretContent, SecretValidator, WantedSecrets } from "./secret-content.ts";
import { EVERYTHING, SECRET_NAMES } from "./secret-names.ts";

/** The secrets of these names as an entitlement has them: one request may name the same thing twice, and gets both. */
export function entitledSecrets(
  entitlement: Entitlement,
  wanted: WantedSecrets,
  validator: SecretValidator,
): FoundSecrets {
  if (entitlement.kind !== "granted") return withoutIdentity(entitlement, wanted);
  const offered = offeredSecrets(entitlement, validator);
  const secrets = new Map<string, SecretContent>();
  const missing = new Map<string, string>();
  for (const name of wanted === "everything" ? offered.byOwnName() : wanted) {
    const content = offered.get(name);
    if (content) secrets.set(name, content);
    else missing.set(name, whyNot(name, validator));
  }
  return { secrets, pending: [], missing };
}

function withoutIdentity(entitlement: Exclude<Entitlement, { kind: "granted" }>, wanted: WantedSecrets): FoundSecrets {
  const names = wanted === "everything" ? [] : [...wanted];
  if (entitlement.kind === "pending") {
    return { secrets: new Map(), pending: wanted === "everything" ? [EVERYTHING] : names, missing: new Map() };
  }
  return { secrets: new Map(), pending: [], missing: new Map(names.map((name) => [name, entitlement.reason])) };
}

function whyNot(name: string, validator: SecretValidator): string {
  if (name === SECRET_NAMES.allBundles && validator === "trusted-ca")
    return "authorities of several trust domains in one list would vouch for each other's identities: this needs the SPIFFE validator";
  return "the workload has no such identity and no such trust bundle";
}

function offeredSecrets(entitlement: Extract<Entitlement, { kind: "granted" }>, validator: SecretValidator) {
  const svids = entitlement.svids.map(({ svid }) => svid);
  // An empty bundle says that nobody of its domain is to be trusted any more.
  const bundles = entitlement.bundles.bundles.filter(({ x509Authorities }) => x509Authorities.length > 0);
  const own = bundles.find(({ trustDomain }) => svids[0]?.spiffeId.trustDomain.equals(trustDomain));

  const certificate = (svid = svids[0]): SecretContent | undefined =>
    svid && { kind: "certificate", chainPem: svid.certificateChainPem(), privateKey: svid.privateKey };
  const validation = (of: readonly X509Bundle[]): SecretContent | undefined => {
    const [first, ...others] = of;
    if (!first) return undefined;
    if (validator === "spiffe-validation") return { kind: validator, trustDomains: of.map(authoritiesOf) };
    return others.length === 0 ? { kind: validator, authoritiesPem: first.toPem() } : undefined;
  };

  return {
    byOwnName: () => [
      ...svids.map(({ spiffeId }) => spiffeId.toString()),
      ...bundles.map(({ trustDomain }) => trustDomain.id().toString()),
    ],
    get(name: string): SecretContent | undefined {
      switch (name) {
        case SECRET_NAMES.certificate:
          return certificate();
        case SECRET_NAMES.ownBundle:
          return validation(own ? [own] : []);
        case SECRET_NAMES.allBundles:
          return validator === "trusted-ca" ? undefined : validation(bundles.toSorted(byName));
      }
      const svid = svids.find(({ spiffeId }) => spiffeId.toString() === name);
      if (svid) return certificate(svid);
      return validation(bundles.filter(({ trustDomain }) => trustDomain.id().toString() === name));
    },
  };
}

function authoritiesOf(bundle: X509Bundle) {
  return { trustDomain: bundle.trustDomain.name, authoritiesPem: bundle.toPem() };
}

function byName(a: X509Bundle, b: X509Bundle): number {
  return a.trustDomain.name < b.trustDomain.name ? -1 : 1;
}
