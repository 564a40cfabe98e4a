import { type Clock, errorText, isSymbolonError, type SymbolonError, spiffeError, systemClock } from "../core/index.ts";
import type { X509Source } from "../source/index.ts";
import { createPeerVerifier, type VerifiedPeer, verifyX509Svid } from "../svid/index.ts";
import { type Authorizer, requireAuthorizer } from "./authorizer.ts";
import { type HandshakenSocket, presentedCertificates } from "./presented-certificates.ts";

export interface PeerCheckOptions {
  /** Who may be at the other end; required. */
  readonly allow: Authorizer;
  readonly clock?: Clock;
}

/**
 * The verdict on a peer after its handshake: X509-SVID §5 against the bundle of its own trust domain, and the authorizer.
 * The runtime's own verdict counts for nothing: it knows neither trust domains nor partial chains (spiffe.md N1, N2, N4).
 */
export interface PeerCheck {
  /** @throws ERR_TLS_SESSION_RESUMED, ERR_TLS_NO_PEER_CERTIFICATE, ERR_TLS_PEER_NOT_ALLOWED, and as `verifyX509Svid` */
  ofSocket(socket: HandshakenSocket): VerifiedPeer;
  /** The same for certificates in DER, the leaf first. */
  ofCertificates(presented: readonly Uint8Array[]): VerifiedPeer;
  /**
   * The verdict on the peer of a live connection, by the bundles and the authorizer of now. Its path may have ended since
   * the handshake: connections outlive certificates.
   */
  ofLivePeer(peer: VerifiedPeer): VerifiedPeer;
}

/** @throws ERR_TLS_AUTHORIZER_MISSING */
export function createPeerCheck(source: X509Source, what: string, options: PeerCheckOptions): PeerCheck {
  const authorizer = requireAuthorizer(options?.allow, what);
  const clock = options.clock ?? systemClock;
  const verifier = createPeerVerifier({ bundles: () => source.bundles, clock });

  const ofCertificates = (presented: readonly Uint8Array[]): VerifiedPeer => {
    if (presented.length === 0) {
      const message = "the peer showed no certificate; it needs an X.509-SVID, and the server must ask for it";
      throw spiffeError("ERR_TLS_NO_PEER_CERTIFICATE", message);
    }
    return accepted(verifier.verify(presented));
  };
  const accepted = (peer: VerifiedPeer): VerifiedPeer => {
    const refusal = askAuthorizer(authorizer, peer);
    if (refusal === undefined) return peer;
    const message = `the peer is who it says it is, but not allowed: ${refusal}`;
    throw spiffeError("ERR_TLS_PEER_NOT_ALLOWED", message, { details: { spiffeId: peer.spiffeId.toString() } });
  };

  return {
    ofCertificates,
    ofLivePeer({ chain, notAfter }) {
      const now = new Date(Math.min(clock.now().getTime(), notAfter.getTime()));
      const presented = chain.map(({ der }) => der);
      return accepted(verifyX509Svid(presented, source.bundles, { now }));
    },
    ofSocket(socket) {
      // A resumed session carries the verdict of an earlier day; no ticket is given, so this is an attack or a bug.
      if (socket.isSessionReused()) {
        throw spiffeError("ERR_TLS_SESSION_RESUMED", "the TLS session was resumed, so that no certificate was shown");
      }
      return ofCertificates(presentedCertificates(socket));
    },
  };
}

function askAuthorizer(authorizer: Authorizer, peer: VerifiedPeer): string | undefined {
  try {
    const refusal: unknown = authorizer(peer.spiffeId, peer);
    return refusal === undefined ? undefined : String(refusal);
  } catch (error) {
    return `the authorizer threw: ${errorText(error)}`;
  }
}

/** Every error of a verdict has a code: what a runtime's own accessors throw is no certificate that can be used. */
export function asRefusal(error: unknown): SymbolonError {
  if (isSymbolonError(error)) return error;
  const message = `the peer's certificates cannot be read: ${errorText(error)}`;
  return spiffeError("ERR_TLS_NO_PEER_CERTIFICATE", message, { cause: error });
}
