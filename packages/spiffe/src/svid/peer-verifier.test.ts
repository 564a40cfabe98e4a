import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BundleSet, X509Bundle } from "../bundle/index.ts";
import { isSymbolonError } from "../core/index.ts";
import { createFakeClock, createTestAuthority } from "../testing/index.ts";
import { createPeerVerifier } from "./peer-verifier.ts";

const root = createTestAuthority("example.org");
const presentedBy = (path: string, notAfter = new Date("2026-01-02T00:00:00Z")) =>
  root.issueCertificate({ uris: [`spiffe://example.org${path}`], notAfter }).chain.map(({ der }) => der);

function setUp(options: { readonly maxEntries?: number } = {}) {
  const clock = createFakeClock(new Date("2026-01-01T00:00:00Z"));
  let bundles = BundleSet.of(root.bundle);
  const verifier = createPeerVerifier({ bundles: () => bundles, clock, ...options });
  const trust = (next: BundleSet): void => {
    bundles = next;
  };
  return { clock, verifier, trust };
}

const refused = (action: () => unknown, code: string): void =>
  assert.throws(action, (error) => isSymbolonError(error) && error.code === code);

describe("createPeerVerifier", () => {
  test("verifies once what is presented again", () => {
    const { verifier } = setUp();
    const web = presentedBy("/web");
    const first = verifier.verify(web);
    assert.equal(verifier.verify(web.map((der) => Uint8Array.from(der))), first);
    assert.equal(verifier.verify(presentedBy("/other")).spiffeId.path, "/other");
    assert.deepEqual(verifier.stats, { hits: 1, misses: 2, entries: 2 });
  });

  test("does not take one split of the same bytes for another", () => {
    const { verifier } = setUp();
    const [leaf] = presentedBy("/web");
    assert.ok(leaf);
    verifier.verify([leaf]);
    refused(() => verifier.verify([leaf.subarray(0, 10), leaf.subarray(10)]), "ERR_SVID_CERTIFICATE_UNREADABLE");
    assert.equal(verifier.verify([leaf, root.certificate.der]).chain.length, 2);
    assert.equal(verifier.stats.hits, 0);
  });

  test("remembers nobody when two trust domains change their authorities", () => {
    const [one, other] = [createTestAuthority("one.test"), createTestAuthority("other.test")];
    const bundle = (of: typeof one, by: typeof one) => X509Bundle.fromCertificates(of.trustDomain, [by.certificate]);
    const { verifier, trust } = setUp();
    const web = one.issueCertificate({ uris: ["spiffe://one.test/web"] }).chain.map(({ der }) => der);
    trust(BundleSet.of(bundle(one, one), bundle(other, other)));
    verifier.verify(web);
    trust(BundleSet.of(bundle(one, other), bundle(other, one)));
    refused(() => verifier.verify(web), "ERR_SVID_UNTRUSTED");
  });

  test("remembers nobody beyond the end of the certificate", async () => {
    const { clock, verifier } = setUp();
    const web = presentedBy("/web");
    verifier.verify(web);
    await clock.advance(86_400_000);
    verifier.verify(web);
    assert.equal(verifier.stats.hits, 1);
    await clock.advance(1);
    refused(() => verifier.verify(web), "ERR_SVID_UNTRUSTED");
    assert.equal(verifier.stats.entries, 0);
  });

  test("remembers nobody when the clock is set to before the certificate", () => {
    const { clock, verifier } = setUp();
    const web = presentedBy("/web");
    verifier.verify(web);
    clock.stepWallClock(-10 * 365 * 86_400_000);
    refused(() => verifier.verify(web), "ERR_SVID_UNTRUSTED");
  });

  test("forgets everybody when a bundle changes, and not when an equal one takes its place", () => {
    const { verifier, trust } = setUp();
    const web = presentedBy("/web");
    verifier.verify(web);
    trust(BundleSet.of(X509Bundle.fromPem(root.trustDomain, root.bundle.toPem())));
    verifier.verify(web);
    assert.equal(verifier.stats.hits, 1);
    trust(BundleSet.of(X509Bundle.fromCertificates(root.trustDomain, [])));
    refused(() => verifier.verify(web), "ERR_SVID_UNTRUSTED");
    assert.equal(verifier.stats.entries, 0);
    trust(BundleSet.of(root.bundle));
    verifier.verify(web);
    assert.deepEqual(verifier.stats, { hits: 1, misses: 3, entries: 1 });
  });

  test("remembers no refusal: an authority that is added counts at once", () => {
    const { verifier, trust } = setUp();
    trust(BundleSet.of());
    const web = presentedBy("/web");
    refused(() => verifier.verify(web), "ERR_BUNDLE_NOT_FOUND");
    trust(BundleSet.of(root.bundle));
    assert.equal(verifier.verify(web).spiffeId.path, "/web");
  });

  test("drops whoever was not seen for longest", () => {
    const { verifier } = setUp({ maxEntries: 2 });
    const [a, b, c] = ["/a", "/b", "/c"].map((path) => presentedBy(path));
    assert.ok(a && b && c);
    for (const presented of [a, b, a, c, a, b]) verifier.verify(presented);
    assert.deepEqual(verifier.stats, { hits: 2, misses: 4, entries: 2 });
    const forgetful = setUp({ maxEntries: 0 }).verifier;
    for (let i = 0; i < 3; i++) forgetful.verify(a);
    assert.deepEqual(forgetful.stats, { hits: 0, misses: 3, entries: 0 });
  });
});
