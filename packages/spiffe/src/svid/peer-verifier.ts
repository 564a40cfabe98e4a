import type { BundleSet } from "../bundle/index.ts";
import type { Clock } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { PathLimits } from "../x509/index.ts";
import { type VerifiedPeer, verifyX509Svid } from "./verify-x509-svid.ts";

const nodeCrypto = builtinModule("node:crypto");

export interface PeerVerifierOptions {
  /** Asked at every verification: a bundle that changed counts from the next handshake on. */
  readonly bundles: () => BundleSet;
  readonly clock: Clock;
  /** Peers remembered; 0 remembers none. */
  readonly maxEntries?: number;
  readonly limits?: Partial<PathLimits>;
}

export interface PeerVerifier {
  /** @throws as `verifyX509Svid` */
  verify(presented: readonly Uint8Array[]): VerifiedPeer;
  readonly stats: { readonly hits: number; readonly misses: number; readonly entries: number };
}

const DEFAULT_MAX_ENTRIES = 4096;

/**
 * `verifyX509Svid` with a memory for successes. The key is all that was presented and the bundles' generation, so that
 * nothing outlives a removed authority; the clock is compared with the whole chain's validity on every hit.
 */
export function createPeerVerifier(options: PeerVerifierOptions): PeerVerifier {
  const { bundles, clock, maxEntries = DEFAULT_MAX_ENTRIES, limits = {} } = options;
  /** In the order of use, the least recent first. */
  const peers = new Map<string, VerifiedPeer>();
  let generation = "";
  let hits = 0;
  let misses = 0;

  return {
    verify(presented) {
      const current = bundles();
      if (current.generation !== generation) {
        peers.clear();
        generation = current.generation;
      }
      const now = clock.now();
      const key = keyOf(presented);
      const known = peers.get(key);
      peers.delete(key);
      if (known && isWithin(known, now)) {
        hits++;
        peers.set(key, known);
        return known;
      }
      misses++;
      const peer = verifyX509Svid(presented, current, { now, limits });
      peers.set(key, peer);
      const oldest = peers.size > maxEntries ? peers.keys().next() : undefined;
      if (oldest && !oldest.done) peers.delete(oldest.value);
      return peer;
    },
    get stats() {
      return { hits, misses, entries: peers.size };
    },
  };
}

/** Each certificate under its length, so that two lists with the same bytes in a row differ. */
function keyOf(presented: readonly Uint8Array[]): string {
  const hash = nodeCrypto().createHash("sha256");
  for (const der of presented) hash.update(`${der.length}:`).update(der);
  return hash.digest("base64");
}

function isWithin(peer: VerifiedPeer, now: Date): boolean {
  return now.getTime() >= peer.notBefore.getTime() && now.getTime() <= peer.notAfter.getTime();
}
