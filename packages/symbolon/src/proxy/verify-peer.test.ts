import { describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { createPeerVerifier, type PeerVerifier } from "@symbolon/spiffe/svid";
import { createFakeClock, createTestAuthority } from "@symbolon/spiffe/testing";
import { type HandshakenSocket, verifyPeer } from "./verify-peer.ts";

const MESH = createTestAuthority("mesh.example");
const verifier = createPeerVerifier({ bundles: () => BundleSet.of(MESH.bundle), clock: createFakeClock() });

type Presented = NonNullable<ReturnType<HandshakenSocket["getPeerCertificate"]>>;

/** As Bun links them: each certificate knows the next. */
function chainOf(certificates: readonly { readonly der: Uint8Array }[]): Presented | undefined {
  return certificates.reduceRight<Presented | undefined>(
    (issuerCertificate, { der }) => ({ raw: Buffer.from(der), ...(issuerCertificate ? { issuerCertificate } : {}) }),
    undefined,
  );
}

function socketWith(presented: Presented | null | undefined, resumed = false): HandshakenSocket {
  return {
    getPeerX509Certificate: () => (presented?.raw ? { raw: presented.raw } : undefined),
    getPeerCertificate: () => presented,
    isSessionReused: () => resumed,
    getTLSVersion: () => "TLSv1.3",
  };
}

describe("a peer after its handshake", () => {
  const svid = MESH.intermediate().issue("/ns/foo/sa/web");

  test("with a chain to its trust domain's authority is who its certificate says", () => {
    const verdict = verifyPeer(socketWith(chainOf(svid.chain)), verifier);
    expect(verdict.kind === "verified" && verdict.peer.spiffeId.toString()).toBe("spiffe://mesh.example/ns/foo/sa/web");
  });

  test("whom an authority of the bundle has signed itself is verified without a look at what else was shown", () => {
    const { chain } = MESH.issue("/ns/foo/sa/web");
    const verdict = verifyPeer(
      {
        ...socketWith(chainOf(chain)),
        getPeerCertificate() {
          throw new Error("not needed");
        },
      },
      verifier,
    );
    expect(verdict.kind === "verified" && verdict.peer.spiffeId.toString()).toBe("spiffe://mesh.example/ns/foo/sa/web");
  });

  test("whom a foreign authority has signed itself is refused, leaf alone or not", () => {
    const { chain } = createTestAuthority("mesh.example").issue("/ns/foo/sa/web");
    expect(verifyPeer(socketWith(chainOf(chain)), verifier)).toMatchObject({ reason: "peer_not_verified" });
  });

  test("with a resumed session is refused, although its certificate is good", () => {
    expect(verifyPeer(socketWith(chainOf(svid.chain), true), verifier)).toEqual({
      kind: "refused",
      reason: "session_resumed",
      detail: "TLS session was resumed",
    });
  });

  test("without certificate is refused, in every form in which the runtime may say so", () => {
    for (const nothing of [null, undefined, {}])
      expect(verifyPeer(socketWith(nothing), verifier)).toMatchObject({ reason: "no_client_certificate" });
  });

  test("without its intermediate is refused", () => {
    expect(verifyPeer(socketWith(chainOf(svid.chain.slice(0, 1))), verifier)).toMatchObject({
      kind: "refused",
      reason: "peer_not_verified",
    });
  });

  test("whose certificates form a ring, or never end, is answered all the same", () => {
    const ring = chainOf(svid.chain) as { issuerCertificate?: Presented; raw?: Buffer };
    const last = ring.issuerCertificate as { issuerCertificate?: Presented };
    last.issuerCertificate = ring;
    expect(verifyPeer(socketWith(ring), verifier).kind).toBe("verified");
    let handed = 0;
    const counting: PeerVerifier = {
      ...verifier,
      verify(presented) {
        handed = presented.length;
        return verifier.verify(presented);
      },
    };
    const many = Array.from({ length: 17 }, (_, index) => ({ der: Buffer.from([index]) }));
    expect(verifyPeer(socketWith(chainOf(many)), counting)).toMatchObject({ reason: "peer_not_verified" });
    // Of the last attempt: the first was the leaf alone.
    expect(handed).toBe(16);
  });

  test("whose certificate is no certificate is refused, not a crash", () => {
    expect(verifyPeer(socketWith({ raw: Buffer.from("nonsense") }), verifier)).toMatchObject({
      reason: "peer_not_verified",
    });
  });
});
