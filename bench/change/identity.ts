import { BundleSet } from "@symbolon/spiffe/bundle";
import { Secret } from "@symbolon/spiffe/core";
import type { X509Svid } from "@symbolon/spiffe/svid";
import type { TestAuthority } from "@symbolon/spiffe/testing";
import type { ProxyIdentity } from "../../packages/symbolon/src/proxy/index.ts";

/** A throw-away identity: what is measured is policy. */
export function identityOf(svid: X509Svid, { bundle }: TestAuthority): ProxyIdentity {
  return {
    spiffeId: svid.spiffeId,
    certificateChainPem: svid.certificateChainPem(),
    privateKeyPem: new Secret(Buffer.from(svid.privateKey.export({ format: "pem", type: "pkcs8" }).toString())),
    bundles: BundleSet.of(bundle),
    serialNumber: svid.leaf.serialNumberHex,
    notBefore: svid.notBefore,
    notAfter: svid.notAfter,
  };
}
