import { BundleSet, type X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, isSymbolonError } from "@symbolon/spiffe/core";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import type { CallerAuthenticator } from "./caller.ts";

const NAME = "client certificate";

/**
 * Renewal: whoever proves to hold a current SVID of this CA's own trust domain gets the same SPIFFE ID again. The TLS
 * layer has checked that the peer holds the key; whether the certificate counts is checked here.
 */
export function createClientCertificateAuthenticator(options: {
  readonly bundle: () => X509Bundle;
  readonly clock: Clock;
}): CallerAuthenticator {
  const { bundle, clock } = options;
  return {
    name: NAME,
    async attempt({ certificateChain }) {
      if (certificateChain.length === 0) return { kind: "absent" };
      try {
        const { spiffeId, leaf } = verifyX509Svid(certificateChain, BundleSet.of(bundle()), { now: clock.now() });
        const caller = {
          spiffeId,
          name: spiffeId.toString(),
          authenticator: NAME,
          details: { callerSerialNumber: leaf.serialNumberHex },
        };
        return { kind: "authenticated", caller };
      } catch (error) {
        if (!isSymbolonError(error)) throw error;
        return { kind: "refused", code: error.code, reason: error.message };
      }
    },
  };
}
