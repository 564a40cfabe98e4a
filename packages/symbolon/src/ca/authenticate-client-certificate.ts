import { BundleSet, type X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, isSymbolonError } from "@symbolon/spiffe/core";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { productError } from "../core/index.ts";
import { ENTRY_AUTHENTICATOR } from "./authenticate-entry.ts";
import type { CallerAuthenticator } from "./caller.ts";
import type { IssuanceLog } from "./ports.ts";

const NAME = "client certificate";

/**
 * Renewal: whoever proves to hold a current SVID of this CA's own trust domain gets the same SPIFFE ID again. The TLS
 * layer has checked that the peer holds the key; whether the certificate counts is checked here. That of a registration
 * entry does not: how long it lives, and whether there is another one, is for the entry to say.
 */
export function createClientCertificateAuthenticator(options: {
  readonly bundle: () => X509Bundle;
  readonly issuances: Pick<IssuanceLog, "findBySerial">;
  readonly clock: Clock;
}): CallerAuthenticator {
  const { bundle, issuances, clock } = options;
  return {
    name: NAME,
    async attempt({ certificateChain }) {
      if (certificateChain.length === 0) return { kind: "absent" };
      try {
        const { spiffeId, leaf } = verifyX509Svid(certificateChain, BundleSet.of(bundle()), { now: clock.now() });
        const issuance = await issuances.findBySerial(leaf.serialNumberHex);
        if (issuance?.authenticator === ENTRY_AUTHENTICATOR)
          throw productError(
            "ERR_CA_RENEWAL_REFUSED",
            `"${spiffeId}" is a registration entry's, whose agent renews it`,
          );
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
