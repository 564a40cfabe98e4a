import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BundleSet, X509Bundle } from "../bundle/index.ts";
import { isSymbolonError } from "../core/index.ts";
import { createFakeClock, createTestAuthority, type TestAuthority, type TestLeafOptions } from "../testing/index.ts";
import { type Certificate, createKeyPair, OID } from "../x509/index.ts";
import { verifyX509Svid } from "./verify-x509-svid.ts";

const now = new Date("2026-01-01T00:00:00Z");
const root = createTestAuthority("example.org");
const bundles = BundleSet.of(root.bundle);
const web = "spiffe://example.org/ns/foo/sa/web";

const derOf = (certificates: readonly Certificate[]) => certificates.map(({ der }) => der);
const verify = (presented: readonly Certificate[], trusted = bundles, at = now) =>
  verifyX509Svid(derOf(presented), trusted, { now: at });
const leafWith = (options: TestLeafOptions, by: TestAuthority = root) => by.issueCertificate(options).chain;

function refused(action: () => unknown, code: string, message: string, reason?: string): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.deepEqual({ code: error.code, message: error.message }, { code, message });
    if (reason !== undefined) assert.equal((error.cause as { code?: unknown }).code, reason);
    return true;
  });
}

describe("verifyX509Svid accepts", () => {
  test("a leaf of the bundle's authority, and says who, by which path and until when", () => {
    const middle = root.intermediate({ notAfter: new Date("2026-06-01T00:00:00Z") });
    const chain = leafWith({ uris: [web], notBefore: new Date("2025-12-31T00:00:00Z") }, middle);
    const peer = verify(chain);
    assert.equal(peer.spiffeId.toString(), web);
    assert.equal(peer.serialNumber, chain[0]?.serialNumber);
    assert.deepEqual(
      peer.chain.map(({ serialNumber }) => serialNumber),
      [...chain, root.certificate].map(({ serialNumber }) => serialNumber),
    );
    assert.equal(peer.notBefore.toISOString(), "2025-12-31T00:00:00.000Z");
    assert.equal(peer.notAfter.toISOString(), "2026-06-01T00:00:00.000Z");
    assert.ok(Object.isFrozen(peer) && Object.isFrozen(peer.chain));
  });

  test("certificates in any order, twice, and with strangers and unreadable ones among them", () => {
    const middle = root.intermediate();
    const low = middle.intermediate();
    const [leaf, ...rest] = leafWith({ uris: [web] }, low);
    assert.ok(leaf);
    const stranger = createTestAuthority("example.org").intermediate();
    const shuffled = [...rest.toReversed(), stranger.certificate, root.certificate, ...rest, leaf];
    assert.equal(verify([leaf, ...shuffled]).chain.length, 4);
    const garbage = [Uint8Array.of(0x30, 0x80), new Uint8Array(), ...derOf(rest)];
    assert.equal(verifyX509Svid([leaf.der, ...garbage], bundles, { now }).chain.length, 4);
  });

  test("an anchor that is not self-signed, without the certificates above it", () => {
    const middle = root.intermediate();
    const anchored = BundleSet.of(X509Bundle.fromCertificates(root.trustDomain, [middle.certificate]));
    assert.equal(verify(leafWith({ uris: [web] }, middle), anchored).chain.length, 2);
  });

  test("either of two authorities while a root is being rotated", () => {
    const next = createTestAuthority("example.org");
    const both = BundleSet.of(X509Bundle.fromCertificates(root.trustDomain, [root.certificate, next.certificate]));
    for (const authority of [root, next])
      assert.equal(verify(leafWith({ uris: [web] }, authority), both).chain.length, 2);
  });

  test("names of other kinds beside the one URI, and every kind of key", () => {
    assert.equal(verify(leafWith({ uris: [web], dnsNames: ["a.example", "b.example"] })).spiffeId.toString(), web);
    for (const keyKind of ["ec-p384", "rsa-2048", "ed25519"] as const) {
      assert.equal(verify(leafWith({ uris: [web], keyKind })).spiffeId.toString(), web);
    }
  });

  test("a leaf without extended key usage, or with more than the two", () => {
    assert.ok(verify(leafWith({ uris: [web], extKeyUsage: [] })));
    assert.ok(verify(leafWith({ uris: [web], extKeyUsage: [OID.clientAuth, OID.codeSigning, OID.serverAuth] })));
  });
});

describe("verifyX509Svid takes the authorities of the leaf's own trust domain and no others", () => {
  const other = createTestAuthority("other.example");
  const both = BundleSet.of(root.bundle, other.bundle);

  test("accepts each domain's leaf under its own authority", () => {
    for (const authority of [root, other]) {
      assert.ok(verify([...leafWith({ uris: [`spiffe://${authority.trustDomain.name}/x`] }, authority)], both));
    }
  });

  test("refuses an authority that signs for a domain whose bundle it is not in", () => {
    const forged = leafWith({ uris: [web] }, other);
    const message = "x509svid: could not verify leaf certificate: certificate signed by unknown authority";
    refused(() => verify(forged, both), "ERR_SVID_UNTRUSTED", message, "ERR_X509_UNKNOWN_AUTHORITY");
    // The nearest miss: the same forgery, with the foreign root among what was presented.
    refused(() => verify([...forged, other.certificate], both), "ERR_SVID_UNTRUSTED", message);
  });

  test("refuses a domain without a bundle, and one whose bundle is empty", () => {
    const message = 'x509svid: could not get X509 bundle: no X.509 bundle found for trust domain: "example.org"';
    refused(() => verify(leafWith({ uris: [web] }), BundleSet.of(other.bundle)), "ERR_BUNDLE_NOT_FOUND", message);
    const revoked = BundleSet.of(X509Bundle.fromCertificates(root.trustDomain, []));
    refused(
      () => verify(leafWith({ uris: [web] }), revoked),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: certificate signed by unknown authority",
    );
  });

  test("a domain whose name only begins like another's is another", () => {
    for (const uri of ["spiffe://example.org.evil/x", "spiffe://example.or/x", "spiffe://xexample.org/x"]) {
      const [, name] = /^spiffe:\/\/([^/]+)/.exec(uri) ?? [];
      refused(
        () => verify(leafWith({ uris: [uri] })),
        "ERR_BUNDLE_NOT_FOUND",
        `x509svid: could not get X509 bundle: no X.509 bundle found for trust domain: "${name}"`,
      );
    }
  });
});

describe("verifyX509Svid refuses a leaf", () => {
  const table: readonly (readonly [why: string, options: TestLeafOptions, code: string, message: string])[] = [
    [
      "without a URI SAN, whatever its DNS name",
      { uris: [], dnsNames: ["example.org"] },
      "ERR_SVID_NO_URI_SAN",
      "could not get leaf SPIFFE ID: certificate contains no URI SAN",
    ],
    [
      "with two URI SANs, both good",
      { uris: [web, "spiffe://example.org/ns/foo/sa/other"] },
      "ERR_SVID_SEVERAL_URI_SANS",
      "could not get leaf SPIFFE ID: certificate contains more than one URI SAN",
    ],
    [
      "with the same URI SAN twice",
      { uris: [web, web] },
      "ERR_SVID_SEVERAL_URI_SANS",
      "could not get leaf SPIFFE ID: certificate contains more than one URI SAN",
    ],
    [
      "with a URI SAN of another scheme",
      { uris: ["https://example.org/ns/foo/sa/web"] },
      "ERR_SVID_SPIFFE_ID_INVALID",
      "could not get leaf SPIFFE ID: scheme is missing or invalid",
    ],
    [
      "whose trust domain is in upper case",
      { uris: ["spiffe://EXAMPLE.org/x"] },
      "ERR_SVID_SPIFFE_ID_INVALID",
      "could not get leaf SPIFFE ID: trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
    ],
    [
      "whose path climbs",
      { uris: ["spiffe://example.org/ns/foo/../bar"] },
      "ERR_SVID_SPIFFE_ID_INVALID",
      "could not get leaf SPIFFE ID: path cannot contain dot segments",
    ],
    [
      "with the trust domain's own ID",
      { uris: ["spiffe://example.org"] },
      "ERR_SVID_PATH_MISSING",
      "leaf certificate SPIFFE ID must have a non-root path",
    ],
    ["that is a CA", { uris: [web], ca: true }, "ERR_SVID_LEAF_CA", "leaf certificate with CA flag set to true"],
    [
      "with keyCertSign",
      { uris: [web], keyUsage: ["digitalSignature", "keyCertSign"] },
      "ERR_SVID_LEAF_KEY_CERT_SIGN",
      "leaf certificate with KeyCertSign key usage",
    ],
    [
      "with cRLSign",
      { uris: [web], keyUsage: ["digitalSignature", "cRLSign"] },
      "ERR_SVID_LEAF_CRL_SIGN",
      "leaf certificate with KeyCrlSign key usage",
    ],
    [
      "without digitalSignature",
      { uris: [web], keyUsage: ["keyEncipherment", "keyAgreement"] },
      "ERR_SVID_LEAF_DIGITAL_SIGNATURE",
      "leaf certificate must have 'digitalSignature' set as key usage",
    ],
    [
      "for clients only",
      { uris: [web], extKeyUsage: [OID.clientAuth] },
      "ERR_SVID_EXT_KEY_USAGE",
      "leaf certificate must have both serverAuth and clientAuth as extended key usage",
    ],
    [
      "for another purpose",
      { uris: [web], extKeyUsage: [OID.codeSigning] },
      "ERR_SVID_EXT_KEY_USAGE",
      "leaf certificate must have both serverAuth and clientAuth as extended key usage",
    ],
  ];
  for (const [why, options, code, message] of table) {
    test(why, () => refused(() => verify(leafWith(options)), code, `x509svid: ${message}`));
  }

  test("that is the bundle's own authority, or an authority below it", () => {
    const middle = root.intermediate({ template: { subjectAltName: { uris: [web] } } });
    const message = "x509svid: leaf certificate with CA flag set to true";
    refused(() => verify([middle.certificate]), "ERR_SVID_LEAF_CA", message);
    refused(() => verify([root.certificate]), "ERR_SVID_LEAF_CA", message);
  });

  test("that a leaf has signed", () => {
    const signer = root.intermediate({ template: { basicConstraints: { ca: false } } });
    refused(
      () => verify(leafWith({ uris: [web] }, signer)),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: issuer is not a certificate authority",
      "ERR_X509_NOT_CA",
    );
  });

  test("with one bit of its signature changed", () => {
    const [leaf] = leafWith({ uris: [web] });
    assert.ok(leaf);
    const changed = leaf.der.map((byte, i) => (i === leaf.der.length - 1 ? byte ^ 1 : byte));
    refused(
      () => verifyX509Svid([changed], bundles, { now }),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: certificate signed by unknown authority",
    );
  });

  test("whose key is not on its curve", () => {
    const { spki } = createKeyPair();
    const offCurve = spki.map((byte, i) => (i === spki.length - 1 ? byte ^ 1 : byte));
    refused(
      () => verify(leafWith({ uris: [web], template: { spki: offCurve } })),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: public key is not an uncompressed point on P-256",
      "ERR_KEY_POINT",
    );
  });
});

describe("verifyX509Svid and the clock", () => {
  test("accepts from the first to the last instant and not one millisecond beyond", async () => {
    const clock = createFakeClock(new Date("2026-01-01T00:00:00Z"));
    const chain = leafWith({
      uris: [web],
      notBefore: new Date("2026-01-01T00:00:00Z"),
      notAfter: new Date("2026-01-02T00:00:00Z"),
    });
    assert.ok(verify(chain, bundles, clock.now()));
    clock.stepWallClock(-1);
    refused(
      () => verify(chain, bundles, clock.now()),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: certificate is not yet valid: current time 2025-12-31T23:59:59.999Z is before 2026-01-01T00:00:00Z",
      "ERR_X509_NOT_YET_VALID",
    );
    await clock.advance(86_400_001);
    assert.ok(verify(chain, bundles, clock.now()));
    await clock.advance(1);
    refused(
      () => verify(chain, bundles, clock.now()),
      "ERR_SVID_UNTRUSTED",
      "x509svid: could not verify leaf certificate: certificate has expired: current time 2026-01-02T00:00:00.001Z is after 2026-01-02T00:00:00Z",
      "ERR_X509_EXPIRED",
    );
  });
});

describe("verifyX509Svid bounds what it reads", () => {
  const [leaf] = leafWith({ uris: [web] });
  assert.ok(leaf);

  test("nothing presented", () => {
    refused(() => verify([]), "ERR_SVID_EMPTY_CHAIN", "x509svid: empty certificates chain");
  });

  test("a leaf that is no certificate", () => {
    refused(
      () => verifyX509Svid([Uint8Array.of(1, 2, 3), leaf.der], bundles, { now }),
      "ERR_SVID_CERTIFICATE_UNREADABLE",
      "x509svid: unable to parse certificate: malformed DER: expected tag 0x30, found 0x01",
    );
  });

  test("65 certificates besides the leaf, also unreadable ones; 64 are read", () => {
    const strangers = Array.from({ length: 65 }, () => Uint8Array.of(0x30, 0));
    refused(
      () => verifyX509Svid([leaf.der, ...strangers], bundles, { now }),
      "ERR_X509_TOO_MANY_CERTIFICATES",
      "x509svid: 65 certificates presented besides the leaf, more than 64",
    );
    assert.ok(verifyX509Svid([leaf.der, ...strangers.slice(1)], bundles, { now }));
    refused(
      () => verifyX509Svid([leaf.der, ...strangers.slice(63)], bundles, { now, limits: { maxCandidates: 1 } }),
      "ERR_X509_TOO_MANY_CERTIFICATES",
      "x509svid: 2 certificates presented besides the leaf, more than 1",
    );
  });

  test("more than a mebibyte", () => {
    refused(
      () => verifyX509Svid([leaf.der, new Uint8Array(1024 * 1024)], bundles, { now }),
      "ERR_SVID_CERTIFICATE_UNREADABLE",
      "x509svid: certificates have more than 1048576 bytes",
    );
  });
});
