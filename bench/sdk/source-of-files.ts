import { BundleSet, parseX509Svid, systemClock, TrustDomain, X509Bundle } from "@symbolon/spiffe";
import { createX509SourceFeed, type X509Source } from "@symbolon/spiffe/source";
import { TRUST_DOMAIN } from "../harness/credentials.ts";

/** A source that never changes. */
export function sourceOfFiles(cert: string, key: string, ca: string): X509Source {
  const feed = createX509SourceFeed({ clock: systemClock });
  const svid = parseX509Svid(cert, key);
  const bundles = BundleSet.of(X509Bundle.fromPem(TrustDomain.parse(TRUST_DOMAIN), ca));
  feed.set({ svid, svids: [{ svid, hint: "" }], bundles, crls: [] });
  return feed.source;
}
