import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { createTestAuthority } from "../testing/index.ts";
import { assembleCertificate, buildTbsCertificate, type CertificateTemplate } from "./build-certificate.ts";
import {
  certificatesToDer,
  certificatesToPem,
  certificateToPem,
  parseCertificate,
  parseCertificateOf,
  parseCertificatesDer,
  parseCertificatesPem,
  parseTbsCertificate,
} from "./certificate.ts";
import { contextConstructed, contextPrimitive, TAG } from "./der.ts";
import {
  encodeBitString,
  encodeBoolean,
  encodeElement,
  encodeInteger,
  encodeNull,
  encodeOctetString,
  encodeOid,
  encodeSequence,
} from "./der-writer.ts";
import { createKeyPair, keyIdentifier } from "./key-pair.ts";
import { encodeName } from "./name.ts";
import { OID } from "./oid.ts";
import { signatureAlgorithmFor, signDer } from "./signature.ts";

const keyPair = createKeyPair();
const base: CertificateTemplate = {
  serialNumber: 0x80ffn,
  issuer: [{ oid: OID.organizationName, value: "acme, inc" }],
  subject: [
    { oid: OID.countryName, value: "KR" },
    { oid: OID.commonName, value: "프록시+\u0000" },
  ],
  notBefore: new Date("2026-01-01T00:00:00Z"),
  notAfter: new Date("2050-01-01T00:00:00Z"),
  spki: keyPair.spki,
  signatureAlgorithm: signatureAlgorithmFor(keyPair.privateKey),
  basicConstraints: { ca: true, pathLength: 3 },
  keyUsage: ["digitalSignature", "keyCertSign", "decipherOnly"],
  extKeyUsage: [OID.serverAuth, OID.clientAuth],
  subjectAltName: {
    uris: ["spiffe://td/ns/a/sa/b"],
    dnsNames: ["a.example"],
    emails: ["a@example"],
    ipAddresses: ["10.0.0.1", "2001:db8::1"],
  },
  subjectKeyId: keyIdentifier(keyPair.spki),
  authorityKeyId: Uint8Array.of(1, 2, 3),
  nameConstraints: { permitted: { uris: ["td"] }, excluded: { dnsNames: ["evil.example"] } },
};
const signTbs = (tbs: Uint8Array): Uint8Array => {
  const { algorithm, signature } = signDer(keyPair.privateKey, tbs);
  return assembleCertificate(tbs, algorithm, signature);
};
const build = (changes: Partial<CertificateTemplate> = {}): Uint8Array =>
  signTbs(buildTbsCertificate({ ...base, ...changes }));

function throwsCoded(action: () => unknown, code: string, message?: string): void {
  assert.throws(
    action,
    (error) => isSymbolonError(error) && error.code === code && (message ?? error.message) === error.message,
  );
}

describe("parseCertificate", () => {
  test("reads back everything that was built", () => {
    const der = build();
    const certificate = parseCertificate(der);
    assert.equal(certificate.serialNumber, 0x80ffn);
    assert.equal(certificate.serialNumberHex, "80ff");
    assert.equal(certificate.issuer.text, "O=acme\\, inc");
    assert.equal(certificate.subject.text, "C=KR,CN=프록시\\+\\00");
    assert.equal(certificate.notBefore.toISOString(), "2026-01-01T00:00:00.000Z");
    assert.equal(certificate.notAfter.toISOString(), "2050-01-01T00:00:00.000Z");
    assert.deepEqual(certificate.spki, keyPair.spki);
    assert.deepEqual(certificate.der, der);
    const { extensions } = certificate;
    assert.deepEqual(extensions.basicConstraints, { critical: true, ca: true, pathLength: 3 });
    assert.deepEqual([...(extensions.keyUsage?.usages ?? [])], base.keyUsage);
    assert.deepEqual(extensions.extKeyUsage, { critical: false, purposes: base.extKeyUsage });
    assert.deepEqual(extensions.subjectAltName?.uris, ["spiffe://td/ns/a/sa/b"]);
    assert.deepEqual(extensions.subjectAltName?.dnsNames, ["a.example"]);
    assert.deepEqual(extensions.subjectAltName?.emails, ["a@example"]);
    assert.deepEqual(extensions.subjectAltName?.ipAddresses, ["10.0.0.1", "2001:db8::1"]);
    assert.deepEqual(extensions.subjectKeyId, base.subjectKeyId);
    assert.deepEqual(extensions.authorityKeyId, Uint8Array.of(1, 2, 3));
    assert.deepEqual(extensions.nameConstraints?.permitted, [{ form: "uri", base: "td" }]);
    assert.deepEqual(extensions.nameConstraints?.excluded, [{ form: "dns", base: "evil.example" }]);
    assert.deepEqual([extensions.unknownCritical, extensions.deviations], [[], []]);
  });

  test("agrees with the runtime's own parser", () => {
    const ours = parseCertificate(build({ subject: [{ oid: OID.commonName, value: "web" }] }));
    const theirs = new X509Certificate(ours.der);
    assert.equal(BigInt(`0x${theirs.serialNumber}`), ours.serialNumber);
    assert.equal(new Date(theirs.validTo).getTime(), ours.notAfter.getTime());
    assert.equal(theirs.ca, true);
    assert.equal(theirs.subject, "CN=web");
    assert.match(theirs.subjectAltName ?? "", /URI:spiffe:\/\/td\/ns\/a\/sa\/b/);
    assert.ok(theirs.verify(keyPair.publicKey));
    assert.ok(theirs.publicKey.equals(ours.publicKey));
  });

  test("outlives the buffer that it was read from", () => {
    const der = build();
    const certificate = parseCertificate(der);
    der.fill(0);
    assert.equal(certificate.issuer.text, "O=acme\\, inc");
    assert.equal(certificate.der[0], TAG.sequence);
  });

  test("reads lists in PEM and in DER", () => {
    const { certificate } = createTestAuthority("td");
    const other = parseCertificate(build());
    const list = [certificate, other];
    assert.deepEqual(
      parseCertificatesPem(certificatesToPem(list)).map(({ der }) => der),
      list.map(({ der }) => der),
    );
    assert.deepEqual(
      parseCertificatesDer(certificatesToDer(list)).map(({ der }) => der),
      list.map(({ der }) => der),
    );
    assert.equal(new X509Certificate(certificateToPem(other)).serialNumber, "80FF");
    assert.deepEqual(parseCertificatesDer(new Uint8Array()), []);
    throwsCoded(() => parseCertificatesDer(Uint8Array.of(...certificate.der, 0)), "ERR_DER_UNEXPECTED_TAG");
    throwsCoded(
      () => parseCertificatesPem(certificateToPem(other).replaceAll("CERTIFICATE", "X509 CRL")),
      "ERR_PEM_UNEXPECTED_LABEL",
    );
  });

  test("a TBSCertificate can be read before anybody has signed it", () => {
    const tbs = parseTbsCertificate(buildTbsCertificate(base));
    assert.equal(tbs.serialNumber, 0x80ffn);
    assert.ok(tbs.publicKey.equals(keyPair.publicKey));
  });
});

describe("parseCertificateOf", () => {
  const tbs = parseTbsCertificate(buildTbsCertificate(base));
  const der = signTbs(tbs.tbsDer);

  test("reads what parseCertificate reads", () => {
    const [ours, whole] = [parseCertificateOf(tbs, der), parseCertificate(der)];
    assert.deepEqual({ ...ours }, { ...whole });
    assert.ok(ours.publicKey.equals(whole.publicKey));
  });

  test("refuses a certificate with another signed part, another outer algorithm, or bytes behind its end", () => {
    const { algorithm, signature } = signDer(keyPair.privateKey, tbs.tbsDer);
    const other = encodeSequence(encodeOid(OID.ecdsaWithSha384));
    throwsCoded(() => parseCertificateOf(tbs, build({ serialNumber: base.serialNumber + 1n })), "ERR_X509_MALFORMED");
    throwsCoded(() => parseCertificateOf(tbs, assembleCertificate(tbs.tbsDer, other, signature)), "ERR_X509_MALFORMED");
    const trailing = encodeSequence(tbs.tbsDer, algorithm, encodeBitString(signature), encodeNull());
    throwsCoded(() => parseCertificateOf(tbs, trailing), "ERR_DER_TRAILING_BYTES");
    throwsCoded(() => parseCertificateOf(tbs, Uint8Array.of(...der, 0)), "ERR_DER_TRAILING_BYTES");
  });
});

describe("parseCertificate refuses", () => {
  const extension = (oid: string, value: Uint8Array, critical = false) => ({ others: [{ oid, critical, value }] });

  test("an extension that occurs twice", () => {
    const value = encodeSequence(encodeElement(contextPrimitive(6), new TextEncoder().encode("spiffe://td/x")));
    throwsCoded(
      () => parseCertificate(build(extension(OID.subjectAltName, value))),
      "ERR_X509_DUPLICATE_EXTENSION",
      'certificate contains duplicate extension with OID "2.5.29.17"',
    );
  });

  test("two signature algorithms", () => {
    const tbs = buildTbsCertificate(base);
    const other = encodeSequence(encodeOid(OID.ecdsaWithSha384));
    throwsCoded(
      () => parseCertificate(assembleCertificate(tbs, other, new Uint8Array(70))),
      "ERR_X509_MALFORMED",
      "malformed certificate: inner and outer signature algorithm identifiers don't match",
    );
  });

  test("versions before 3, negative serials and trailing bytes", () => {
    const tbs = buildTbsCertificate(base);
    const version2 = signTbs(
      tbs.map((byte, i) => (i > 0 && tbs[i - 1] === 1 && tbs[i - 2] === 2 && byte === 2 ? 1 : byte)),
    );
    throwsCoded(() => parseCertificate(version2), "ERR_X509_MALFORMED", "malformed certificate: version 2, wanted 3");
    throwsCoded(
      () => parseCertificate(build({ serialNumber: -1n })),
      "ERR_X509_MALFORMED",
      "malformed certificate: negative serial number",
    );
    throwsCoded(() => parseCertificate(Uint8Array.of(...build(), 0)), "ERR_DER_TRAILING_BYTES");
    throwsCoded(() => parseCertificate(new Uint8Array()), "ERR_DER_UNEXPECTED_TAG");
    throwsCoded(() => parseCertificate(new Uint8Array(1_000_000)), "ERR_DER_TOO_LARGE");
  });

  const names = (...elements: readonly Uint8Array[]) => encodeSequence(...elements);
  const malformedExtensions: readonly (readonly [why: string, oid: string, value: Uint8Array])[] = [
    ["an empty SAN", OID.subjectAltName, names()],
    [
      "a URI that is not ASCII",
      OID.subjectAltName,
      names(encodeElement(contextPrimitive(6), Uint8Array.of(0xc3, 0xa9))),
    ],
    ["an IP address of 8 octets", OID.subjectAltName, names(encodeElement(contextPrimitive(7), new Uint8Array(8)))],
    [
      "a general name of an unknown form",
      OID.subjectAltName,
      names(encodeElement(contextPrimitive(9), new Uint8Array(1))),
    ],
    [
      "a SAN with trailing bytes",
      OID.subjectAltName,
      Uint8Array.of(...names(encodeElement(contextPrimitive(2), Uint8Array.of(97))), 0),
    ],
    [
      "an otherName without a value",
      OID.subjectAltName,
      names(encodeElement(contextConstructed(0), encodeOid("1.2.3"))),
    ],
    ["basicConstraints that are no sequence", OID.basicConstraints, encodeBoolean(true)],
    ["a negative path length", OID.basicConstraints, encodeSequence(encodeBoolean(true), encodeInteger(-1n))],
    ["a path length of 2^64", OID.basicConstraints, encodeSequence(encodeBoolean(true), encodeInteger(2n ** 64n))],
    ["keyUsage that is no bit string", OID.keyUsage, encodeNull()],
    ["an empty extKeyUsage", OID.extKeyUsage, encodeSequence()],
    ["empty name constraints", OID.nameConstraints, encodeSequence()],
    ["a DNS constraint with a wildcard", OID.nameConstraints, dnsConstraint("*.example.com")],
    ["a DNS constraint with a leading dot", OID.nameConstraints, dnsConstraint(".example.com")],
  ];
  function dnsConstraint(text: string): Uint8Array {
    const subtree = encodeSequence(encodeElement(contextPrimitive(2), new TextEncoder().encode(text)));
    return encodeSequence(encodeElement(contextConstructed(0), subtree));
  }
  for (const [why, oid, value] of malformedExtensions) {
    test(why, () => {
      const {
        basicConstraints: _,
        keyUsage: _k,
        extKeyUsage: _e,
        subjectAltName: _s,
        nameConstraints: _n,
        ...rest
      } = base;
      const tbs = buildTbsCertificate({ ...rest, others: [{ oid, critical: false, value }] });
      throwsCoded(() => parseCertificate(signTbs(tbs)), "ERR_X509_EXTENSION_MALFORMED");
    });
  }

  test("an empty list of extensions", () => {
    const fields = [
      encodeElement(contextConstructed(0), encodeInteger(2n)),
      encodeInteger(1n),
      base.signatureAlgorithm,
      encodeName(),
      encodeSequence(
        encodeElement(TAG.utcTime, new TextEncoder().encode("260101000000Z")),
        encodeElement(TAG.utcTime, new TextEncoder().encode("270101000000Z")),
      ),
      encodeName(),
      keyPair.spki,
    ];
    const withExtensions = (list: Uint8Array) =>
      signTbs(encodeSequence(...fields, encodeElement(contextConstructed(3), list)));
    throwsCoded(() => parseCertificate(withExtensions(encodeSequence())), "ERR_DER_MALFORMED");
    assert.equal(parseCertificate(signTbs(encodeSequence(...fields))).extensions.raw.length, 0);
    const twice = encodeSequence(
      encodeOid("1.2.3"),
      encodeBoolean(true),
      encodeBoolean(true),
      encodeOctetString(encodeNull()),
    );
    throwsCoded(() => parseCertificate(withExtensions(encodeSequence(twice))), "ERR_DER_UNEXPECTED_TAG");
    throwsCoded(
      () =>
        parseCertificate(
          encodeSequence(
            encodeSequence(...fields),
            base.signatureAlgorithm,
            encodeBitString(new Uint8Array()),
            encodeNull(),
          ),
        ),
      "ERR_DER_TRAILING_BYTES",
    );
  });
});

describe("buildTbsCertificate refuses", () => {
  const table: readonly (readonly [why: string, changes: Partial<CertificateTemplate>])[] = [
    ["a date without an encoding", { notAfter: new Date(Number.NaN) }],
    ["the year 10000", { notAfter: new Date("+010000-01-01T00:00:00Z") }],
    ["a URI that is not ASCII", { subjectAltName: { uris: ["spiffe://td/\u00e9"] } }],
    ["what is no IP address", { subjectAltName: { ipAddresses: ["10.0.0.256"] } }],
    ["an IP address with an octal part", { subjectAltName: { ipAddresses: ["10.0.0.01"] } }],
    ["an IPv6 address with too many groups", { subjectAltName: { ipAddresses: ["1:2:3:4:5:6:7:8:9"] } }],
  ];
  for (const [why, changes] of table) {
    test(why, () => throwsCoded(() => buildTbsCertificate({ ...base, ...changes }), "ERR_X509_TEMPLATE_INVALID"));
  }
});
