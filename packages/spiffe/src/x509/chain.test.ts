import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { createTestAuthority, type TestAuthority } from "../testing/index.ts";
import type { Certificate } from "./certificate.ts";
import { buildPath, type PathLimits } from "./chain.ts";
import { createKeyPair, keyIdentifier } from "./key-pair.ts";
import { OID } from "./oid.ts";

const now = new Date("2026-01-01T00:00:00Z");
const root = createTestAuthority("td");
const middle = root.intermediate();
const low = middle.intermediate();
const { certificate: leaf } = low.issueCertificate();

function path(
  presented: readonly Certificate[],
  anchors: readonly Certificate[] = [root.certificate],
  limits: Partial<PathLimits> = {},
): readonly string[] {
  const [first, ...candidates] = presented;
  assert.ok(first);
  return buildPath(first, candidates, anchors, now, limits).map(({ serialNumberHex }) => serialNumberHex);
}
const serials = (...certificates: readonly Certificate[]) => certificates.map(({ serialNumberHex }) => serialNumberHex);

function refused(action: () => unknown, code: string, message?: RegExp): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message ?? /./);
    return true;
  });
}

describe("buildPath finds a path", () => {
  const full = serials(leaf, low.certificate, middle.certificate, root.certificate);

  test("over intermediates in any order, with duplicates, the anchor and strangers among them", () => {
    const stranger = createTestAuthority("other").intermediate();
    const chain = [low.certificate, middle.certificate];
    assert.deepEqual(path([leaf, ...chain]), full);
    assert.deepEqual(path([leaf, ...chain.toReversed()]), full);
    const noise = [stranger.certificate, root.certificate, leaf, ...chain, ...chain, ...stranger.intermediates];
    assert.deepEqual(path([leaf, ...noise]), full);
  });

  test("to an anchor that is not self-signed", () => {
    assert.deepEqual(path([leaf], [low.certificate]), serials(leaf, low.certificate));
    assert.deepEqual(
      path([leaf, low.certificate], [middle.certificate]),
      serials(leaf, low.certificate, middle.certificate),
    );
  });

  test("around a certificate that has expired", () => {
    const { keyPair } = low;
    const subject = low.certificate.subject.der;
    const expired = middle.intermediate({ keyPair, template: { subject }, notAfter: new Date("2025-01-01T00:00:00Z") });
    assert.deepEqual(path([leaf, expired.certificate, low.certificate, middle.certificate]), full);
  });

  test("through one of several authorities of the same name", () => {
    const same = { commonName: "same name" };
    const [a, b] = [createTestAuthority("td", same), createTestAuthority("td", same)];
    const { certificate } = b.issueCertificate();
    assert.deepEqual(path([certificate], [a.certificate, b.certificate]), serials(certificate, b.certificate));
    // Without key identifiers to tell them apart, each is tried.
    const blind = { subjectKeyId: undefined, authorityKeyId: undefined } as never;
    const c = createTestAuthority("td", { ...same, template: blind });
    const d = createTestAuthority("td", { ...same, template: blind });
    const fromD = d.issueCertificate({ template: blind }).certificate;
    assert.deepEqual(path([fromD], [c.certificate, d.certificate]), serials(fromD, d.certificate));
  });

  test("past two authorities that have signed each other in a circle", () => {
    const [a, b] = crossSigned();
    const issued = a.authority.issueCertificate().certificate;
    refused(() => path([issued, a.byOther, b.byOther]), "ERR_X509_UNKNOWN_AUTHORITY");
    assert.deepEqual(path([issued, a.byOther, b.byOther], [b.authority.certificate]).length, 3);
  });

  test("with a path length that just suffices, self-issued certificates not counted", () => {
    const limited = createTestAuthority("td", { template: { basicConstraints: { ca: true, pathLength: 1 } } });
    const child = limited.intermediate();
    const selfIssued = child.intermediate({
      template: { subject: child.certificate.subject.der, issuer: child.certificate.subject.der },
    });
    const { certificate } = selfIssued.issueCertificate();
    assert.equal(path([certificate, selfIssued.certificate, child.certificate], [limited.certificate]).length, 4);
  });
});

describe("buildPath refuses", () => {
  test("a leaf of a foreign authority", () => {
    const foreign = createTestAuthority("td").issueCertificate().certificate;
    refused(() => path([foreign]), "ERR_X509_UNKNOWN_AUTHORITY", /^certificate signed by unknown authority$/);
    refused(() => path([leaf]), "ERR_X509_UNKNOWN_AUTHORITY");
    refused(() => path([leaf], []), "ERR_X509_UNKNOWN_AUTHORITY");
  });

  test("a root that only the peer has shown", () => {
    const foreign = createTestAuthority("td");
    refused(() => path([foreign.issueCertificate().certificate, foreign.certificate]), "ERR_X509_UNKNOWN_AUTHORITY");
  });

  test("a leaf that is itself in the bundle", () => {
    const { certificate } = root.issueCertificate();
    refused(() => path([certificate], [certificate]), "ERR_X509_UNKNOWN_AUTHORITY");
  });

  test("the same name with another key", () => {
    const impostor = createTestAuthority("td", { commonName: "td root" });
    refused(() => path([impostor.issueCertificate().certificate]), "ERR_X509_UNKNOWN_AUTHORITY");
  });

  const times: readonly (readonly [at: string, code: string])[] = [
    ["2025-12-31T23:59:59.999Z", "ERR_X509_NOT_YET_VALID"],
    ["2026-01-02T00:00:00.001Z", "ERR_X509_EXPIRED"],
  ];
  for (const [at, code] of times) {
    test(`a certificate of the path at ${at}`, () => {
      const window = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2026-01-02T00:00:00Z") };
      const shortRoot = createTestAuthority("td", window);
      const shortMiddle = root.intermediate(window);
      const chains: readonly (readonly [Certificate, readonly Certificate[], Certificate])[] = [
        [root.issueCertificate(window).certificate, [], root.certificate],
        [shortMiddle.issueCertificate().certificate, [shortMiddle.certificate], root.certificate],
        [shortRoot.issueCertificate().certificate, [], shortRoot.certificate],
      ];
      for (const [first, candidates, anchor] of chains) {
        refused(() => buildPath(first, candidates, [anchor], new Date(at)), code);
        for (const edge of [window.notBefore, window.notAfter]) assert.ok(buildPath(first, candidates, [anchor], edge));
        refused(() => buildPath(first, candidates, [anchor], new Date(Number.NaN)), "ERR_X509_NOT_YET_VALID");
      }
    });
  }

  test("issuers that may not issue", () => {
    const viaTemplate = (template: Parameters<TestAuthority["intermediate"]>[0]): readonly Certificate[] => {
      const authority = root.intermediate(template);
      return [authority.issueCertificate().certificate, authority.certificate];
    };
    refused(
      () => path(viaTemplate({ template: { basicConstraints: { ca: false } } })),
      "ERR_X509_NOT_CA",
      /not a certificate authority/,
    );
    refused(() => path(viaTemplate({ template: { basicConstraints: undefined } as never })), "ERR_X509_NOT_CA");
    refused(
      () => path(viaTemplate({ template: { keyUsage: ["cRLSign"] } })),
      "ERR_X509_KEY_CERT_SIGN",
      /'keyCertSign'/,
    );
    assert.equal(path(viaTemplate({ template: { keyUsage: undefined } as never })).length, 3);
    const signedByLeaf = root.issueCertificate({ template: { subject: [{ oid: OID.commonName, value: "leaf" }] } });
    assert.ok(signedByLeaf);
  });

  test("more intermediates than the path length allows", () => {
    const limited = createTestAuthority("td", { template: { basicConstraints: { ca: true, pathLength: 1 } } });
    const one = limited.intermediate();
    const two = one.intermediate();
    const chain = (authority: TestAuthority) => authority.issueCertificate().chain;
    assert.equal(path(chain(one), [limited.certificate]).length, 3);
    refused(
      () => path(chain(two), [limited.certificate]),
      "ERR_X509_PATH_LENGTH",
      /too many intermediates for path length constraint/,
    );
  });

  test("critical extensions that nobody here knows, anywhere in the path, but not beside it", () => {
    const others = [{ oid: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) }];
    const odd = root.intermediate({ template: { others } });
    const oddRoot = createTestAuthority("td", { template: { others } });
    refused(
      () => path([root.issueCertificate({ template: { others } }).certificate]),
      "ERR_X509_CRITICAL_EXTENSION",
      /1\.2\.3\.4/,
    );
    refused(() => path(odd.issueCertificate().chain), "ERR_X509_CRITICAL_EXTENSION");
    refused(() => path(oddRoot.issueCertificate().chain, [oddRoot.certificate]), "ERR_X509_CRITICAL_EXTENSION");
    assert.equal(
      path([leaf, odd.certificate, low.certificate, middle.certificate], [oddRoot.certificate, root.certificate])
        .length,
      4,
    );
    const harmless = [{ oid: "1.2.3.4", critical: false, value: Uint8Array.of(5, 0) }];
    assert.equal(path([root.issueCertificate({ template: { others: harmless } }).certificate]).length, 2);
  });

  test("names outside the constraints of any authority above, also on intermediates", () => {
    const bound = createTestAuthority("td", {
      template: { nameConstraints: { permitted: { uris: ["td"] }, excluded: { dnsNames: ["evil.example"] } } },
    });
    assert.equal(path(bound.issueCertificate().chain, [bound.certificate]).length, 2);
    const wrong = bound.issueCertificate({ uris: ["spiffe://td2/x"] }).chain;
    refused(
      () => path(wrong, [bound.certificate]),
      "ERR_X509_NAME_CONSTRAINTS",
      /uri name "spiffe:\/\/td2\/x" is not permitted/,
    );
    const dns = bound.issueCertificate({ dnsNames: ["a.evil.example"] }).chain;
    refused(() => path(dns, [bound.certificate]), "ERR_X509_NAME_CONSTRAINTS", /dns name "a.evil.example" is excluded/);
    const selfIssued = bound.issueCertificate({
      uris: ["spiffe://td2/x"],
      template: { subject: bound.certificate.subject.der },
    });
    refused(() => path(selfIssued.chain, [bound.certificate]), "ERR_X509_NAME_CONSTRAINTS");
    const below = bound.intermediate({ template: { subjectAltName: { uris: ["spiffe://td2"] } } });
    refused(() => path(below.issueCertificate().chain, [bound.certificate]), "ERR_X509_NAME_CONSTRAINTS");
  });

  test("keys against the policy, on the leaf and above", () => {
    const { spki } = createKeyPair();
    const offCurve = spki.map((byte, i) => (i === spki.length - 1 ? byte ^ 1 : byte));
    refused(() => path([root.issueCertificate({ template: { spki: offCurve } }).certificate]), "ERR_KEY_POINT");
    const weak = root.intermediate({ template: { spki: offCurve, subjectKeyId: keyIdentifier(spki) } });
    refused(() => path(weak.issueCertificate().chain), "ERR_KEY_POINT");
  });

  test("more work than the limits allow", () => {
    const strangers = Array.from({ length: 65 }, () => middle.certificate);
    refused(() => path([leaf, ...strangers]), "ERR_X509_TOO_MANY_CERTIFICATES");
    refused(
      () => path([leaf, low.certificate, middle.certificate], [root.certificate], { maxSignatureChecks: 2 }),
      "ERR_X509_WORK_LIMIT",
      /signature checks/,
    );
    refused(
      () => path([leaf, low.certificate, middle.certificate], [root.certificate], { maxIntermediates: 1 }),
      "ERR_X509_UNKNOWN_AUTHORITY",
    );
    assert.equal(
      path([leaf, low.certificate, middle.certificate], [root.certificate], {
        maxIntermediates: 2,
        maxSignatureChecks: 3,
      }).length,
      4,
    );
    const ring = Array.from({ length: 8 }, (_, index) => createTestAuthority("td", { commonName: `ring ${index}` }));
    const crossed = ring.flatMap((by) =>
      ring
        .filter((of) => of !== by)
        .map(
          (of) =>
            by.intermediate({ keyPair: of.keyPair, template: { subject: of.certificate.subject.der } }).certificate,
        ),
    );
    const below = ring[0]?.issueCertificate().certificate;
    assert.ok(below);
    refused(
      () => path([below, ...crossed], [root.certificate], { maxSignatureChecks: 1000 }),
      "ERR_X509_WORK_LIMIT",
      /path building steps/,
    );
    const same = Array.from({ length: 30 }, () =>
      createTestAuthority("td", { commonName: "same", template: { subjectKeyId: undefined } as never }),
    );
    const issued = same[0]?.issueCertificate().certificate;
    assert.ok(issued);
    refused(
      () =>
        path([issued, ...same.slice(1).map(({ certificate }) => certificate)], [root.certificate], {
          maxSignatureChecks: 10,
        }),
      "ERR_X509_WORK_LIMIT",
    );
  });
});

/** Two roots, each with a certificate for the other's key. */
function crossSigned() {
  const [a, b] = [createTestAuthority("td", { commonName: "a" }), createTestAuthority("td", { commonName: "b" })];
  const sign = (by: TestAuthority, of: TestAuthority) =>
    by.intermediate({ keyPair: of.keyPair, template: { subject: of.certificate.subject.der } }).certificate;
  return [
    { authority: a, byOther: sign(b, a) },
    { authority: b, byOther: sign(a, b) },
  ] as const;
}
