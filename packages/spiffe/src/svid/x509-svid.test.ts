import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { isSymbolonError } from "../core/index.ts";
import { createTestAuthority, type TestLeafOptions } from "../testing/index.ts";
import { certificatesToDer, certificatesToPem, createKeyPair, keyPairOf } from "../x509/index.ts";
import { parseX509Svid, X509Svid } from "./x509-svid.ts";

const root = createTestAuthority("example.org");
const middle = root.intermediate();
const web = "spiffe://example.org/ns/foo/sa/web";
const issued = middle.issueCertificate({ uris: [web] });
const { privateKey } = issued.keyPair;
const keyPem = privateKey.export({ format: "pem", type: "pkcs8" });

function refused(action: () => unknown, code: string, message: string): void {
  assert.throws(action, (error) => {
    assert.ok(isSymbolonError(error), String(error));
    assert.deepEqual({ code: error.code, message: error.message }, { code, message: `x509svid: ${message}` });
    return true;
  });
}

describe("parseX509Svid", () => {
  test("reads PEM as text and as bytes, DER, and certificates; the key as PEM or KeyObject", () => {
    const pem = certificatesToPem(issued.chain);
    const chains = [pem, new TextEncoder().encode(pem), certificatesToDer(issued.chain), issued.chain];
    for (const chain of chains) {
      for (const key of [keyPem, new TextEncoder().encode(String(keyPem)), privateKey]) {
        const svid = parseX509Svid(chain, key);
        assert.equal(svid.spiffeId.toString(), web);
        assert.equal(svid.certificateChainPem(), pem);
        assert.equal(svid.serialNumber, issued.certificate.serialNumber);
        assert.deepEqual([svid.notBefore, svid.notAfter], [issued.certificate.notBefore, issued.certificate.notAfter]);
        assert.ok(svid.privateKey.equals(privateKey));
      }
    }
  });

  test("reads keys in SEC 1 and PKCS#1, and Ed25519", () => {
    assert.ok(parseX509Svid(issued.chain, privateKey.export({ format: "pem", type: "sec1" })));
    const rsa = root.issueCertificate({ uris: [web], keyKind: "rsa-2048" });
    assert.ok(parseX509Svid(rsa.chain, rsa.keyPair.privateKey.export({ format: "pem", type: "pkcs1" })));
    const ed = root.issueCertificate({ uris: [web], keyKind: "ed25519" });
    assert.ok(parseX509Svid(ed.chain, ed.keyPair.privateKey.export({ format: "pem", type: "pkcs8" })));
  });

  test("refuses what is no certificate and what is no key, without quoting the key", () => {
    refused(
      () => parseX509Svid("", keyPem),
      "ERR_SVID_CERTIFICATE_UNREADABLE",
      "cannot parse certificate: no PEM block found",
    );
    refused(
      () => parseX509Svid(Uint8Array.of(0x30, 0x03, 1), keyPem),
      "ERR_SVID_CERTIFICATE_UNREADABLE",
      "cannot parse certificate: malformed DER: length runs past the end",
    );
    refused(
      () => parseX509Svid(keyPem, keyPem),
      "ERR_SVID_CERTIFICATE_UNREADABLE",
      'cannot parse certificate: PEM block is "PRIVATE KEY", wanted CERTIFICATE',
    );
    refused(
      () => parseX509Svid([], privateKey),
      "ERR_SVID_EMPTY_CHAIN",
      "certificate validation failed: no certificates found",
    );
    for (const key of ["", "secret", certificatesToPem(issued.chain), String(keyPem).replace(/M/g, "N")]) {
      refused(
        () => parseX509Svid(issued.chain, key),
        "ERR_SVID_KEY_UNREADABLE",
        "cannot parse PEM encoded private key",
      );
    }
  });

  test("refuses the key of another certificate, and a public key", () => {
    const message = "private key validation failed: leaf certificate does not match private key";
    refused(() => parseX509Svid(issued.chain, createKeyPair().privateKey), "ERR_SVID_KEY_MISMATCH", message);
    refused(() => parseX509Svid(issued.chain, middle.keyPair.privateKey), "ERR_SVID_KEY_MISMATCH", message);
    refused(() => parseX509Svid(issued.chain, issued.keyPair.publicKey), "ERR_SVID_KEY_MISMATCH", message);
  });

  const leaves: readonly (readonly [why: string, options: TestLeafOptions, code: string, message: string])[] = [
    [
      "without a URI SAN",
      { uris: [] },
      "ERR_SVID_NO_URI_SAN",
      "cannot get leaf certificate SPIFFE ID: certificate contains no URI SAN",
    ],
    [
      "with two URI SANs",
      { uris: [web, `${web}2`] },
      "ERR_SVID_SEVERAL_URI_SANS",
      "cannot get leaf certificate SPIFFE ID: certificate contains more than one URI SAN",
    ],
    [
      "whose URI is no SPIFFE ID",
      { uris: ["spiffe://example.org/"] },
      "ERR_SVID_SPIFFE_ID_INVALID",
      "cannot get leaf certificate SPIFFE ID: path cannot have a trailing slash",
    ],
    [
      "without a path",
      { uris: ["spiffe://example.org"] },
      "ERR_SVID_PATH_MISSING",
      "leaf certificate SPIFFE ID must have a non-root path",
    ],
    ["that is a CA", { ca: true }, "ERR_SVID_LEAF_CA", "leaf certificate must not have CA flag set to true"],
    [
      "without digitalSignature",
      { keyUsage: ["keyEncipherment"] },
      "ERR_SVID_LEAF_DIGITAL_SIGNATURE",
      "leaf certificate must have 'digitalSignature' set as key usage",
    ],
    [
      "without keyUsage",
      { template: { keyUsage: undefined } as never },
      "ERR_SVID_LEAF_DIGITAL_SIGNATURE",
      "leaf certificate must have 'digitalSignature' set as key usage",
    ],
    [
      "with keyCertSign",
      { keyUsage: ["digitalSignature", "keyCertSign"] },
      "ERR_SVID_LEAF_KEY_CERT_SIGN",
      "leaf certificate must not have 'keyCertSign' set as key usage",
    ],
    [
      "with cRLSign",
      { keyUsage: ["digitalSignature", "cRLSign"] },
      "ERR_SVID_LEAF_CRL_SIGN",
      "leaf certificate must not have 'cRLSign' set as key usage",
    ],
  ];
  for (const [why, options, code, message] of leaves) {
    test(`refuses a leaf ${why}`, () => {
      const { chain, keyPair } = root.issueCertificate(options);
      refused(() => parseX509Svid(chain, keyPair.privateKey), code, `certificate validation failed: ${message}`);
    });
  }

  test("refuses a chain with a certificate above the leaf that may not sign", () => {
    const other = root.issueCertificate().certificate;
    refused(
      () => parseX509Svid([issued.certificate, other], privateKey),
      "ERR_SVID_SIGNING_NOT_CA",
      "certificate validation failed: signing certificate must have CA flag set to true",
    );
    const mute = root.intermediate({ template: { keyUsage: ["cRLSign"] } });
    refused(
      () => parseX509Svid([issued.certificate, mute.certificate], privateKey),
      "ERR_SVID_SIGNING_KEY_CERT_SIGN",
      "certificate validation failed: signing certificate must have 'keyCertSign' set as key usage",
    );
  });
});

describe("X509Svid", () => {
  const svid = X509Svid.fromCertificates(issued.chain, privateKey);

  test("shows no private key to inspect, JSON or text", () => {
    const secret = String(keyPem).split("\n")[1] ?? "";
    assert.ok(secret.length > 40);
    const { d } = privateKey.export({ format: "jwk" });
    assert.ok(d);
    const texts = [
      inspect(svid, { depth: 9, showHidden: true }),
      JSON.stringify(svid),
      String(svid),
      inspect({ svid }),
    ];
    const pairs = [inspect(keyPairOf(privateKey), { depth: 9 }), JSON.stringify(keyPairOf(privateKey))];
    for (const text of [...texts, ...pairs]) {
      assert.ok(!text.includes(secret) && !text.includes(d) && !/PRIVATE KEY/.test(text), text);
    }
    assert.deepEqual(JSON.parse(JSON.stringify(svid)), {
      spiffeId: web,
      serialNumber: issued.certificate.serialNumberHex,
      notAfter: "2048-01-01T00:00:00.000Z",
      privateKey: "[redacted]",
    });
    assert.equal(String(svid), `X509Svid(${web}, ${issued.certificate.serialNumberHex})`);
    assert.deepEqual(Object.keys(svid).toSorted(), ["chain", "leaf", "spiffeId"]);
  });

  test("keeps its chain when the caller's array changes", () => {
    const chain = [...issued.chain];
    const kept = X509Svid.fromCertificates(chain, privateKey);
    chain.length = 0;
    assert.equal(kept.chain.length, 2);
    assert.ok(Object.isFrozen(kept.chain));
  });
});
