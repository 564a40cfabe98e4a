import { BundleSet, type X509Bundle } from "@symbolon/spiffe/bundle";
import { errorText, isSymbolonError } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import { parseX509Svid, verifyX509Svid } from "@symbolon/spiffe/svid";
import type { KeyPair } from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import type { WorkloadIdentity } from "./identity-state.ts";

/**
 * A CA that answers wrongly must not give a workload a wrong identity: everything that can be checked is.
 * @throws ERR_AGENT_CERTIFICATE_REFUSED
 */
export function acceptCertificate(
  answer: {
    /** PEM text or concatenated DER, leaf first. */
    readonly chain: string | Uint8Array;
    /** Read only once the chain is; a broken one is the answer's fault too. */
    readonly bundle: () => X509Bundle;
  },
  expected: { readonly spiffeId: SpiffeId; readonly keyPair: KeyPair; readonly now: Date },
): WorkloadIdentity {
  const { spiffeId, keyPair, now } = expected;
  try {
    const svid = parseX509Svid(answer.chain, keyPair.privateKey);
    if (!svid.spiffeId.equals(spiffeId)) throw refused(`it is for ${svid.spiffeId}, wanted ${spiffeId}`);
    const bundle = answer.bundle();
    verifyX509Svid(
      svid.chain.map((certificate) => certificate.der),
      BundleSet.of(bundle),
      { now },
    );
    return { svid, bundle };
  } catch (cause) {
    if (isSymbolonError(cause) && cause.code === "ERR_AGENT_CERTIFICATE_REFUSED") throw cause;
    throw refused(`${errorText(cause)} (local time ${now.toISOString()})`, cause);
  }
}

function refused(why: string, cause?: unknown) {
  return productError("ERR_AGENT_CERTIFICATE_REFUSED", `the CA's answer is not accepted: ${why}`, { cause });
}
