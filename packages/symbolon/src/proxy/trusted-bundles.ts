import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { TrustDomain } from "@symbolon/spiffe/id";

/**
 * Bundles that peers are verified against. A peer of a trust-domain alias is verified against the bundle of that domain
 * where there is one, else against the mesh's own authorities: an alias is another name of the same domain, and its
 * identities were signed by the same roots (istio-security §1.6). An alias with a wildcard names no domain, and trusts none.
 */
export function createTrustedBundles(): (
  own: BundleSet | undefined,
  mesh: { readonly trustDomain: string; readonly trustDomainAliases: readonly string[] } | undefined,
) => BundleSet {
  let lastOwn: BundleSet | undefined;
  let lastAliases: readonly string[] | undefined;
  let result = NO_BUNDLES;
  return (own, mesh) => {
    if (!own || !mesh || mesh.trustDomainAliases.length === 0) return own ?? NO_BUNDLES;
    if (own !== lastOwn || mesh.trustDomainAliases !== lastAliases) {
      result = withAliases(own, mesh.trustDomain, mesh.trustDomainAliases);
      lastOwn = own;
      lastAliases = mesh.trustDomainAliases;
    }
    return result;
  };
}

function withAliases(own: BundleSet, trustDomain: string, aliases: readonly string[]): BundleSet {
  const authorities = own.get(TrustDomain.parse(trustDomain))?.x509Authorities;
  if (!authorities) return own;
  const domains = aliases.filter((alias) => !alias.includes("*")).map((alias) => TrustDomain.parse(alias));
  return domains
    .filter((domain) => own.get(domain) === undefined)
    .reduce((set, domain) => set.with(X509Bundle.fromCertificates(domain, authorities)), own);
}

const NO_BUNDLES = BundleSet.of();
