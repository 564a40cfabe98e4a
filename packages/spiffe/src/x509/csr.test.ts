import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import {
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  parseCertificateSigningRequest,
  parseCertificateSigningRequestFromPem,
  verifyCsrSignature,
} from "./csr.ts";
import { contextConstructed } from "./der.ts";
import {
  encodeBitString,
  encodeElement,
  encodeInteger,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeSetOf,
} from "./der-writer.ts";
import { encodeExtensions } from "./extension-encoding.ts";
import { createKeyPair, type KeyKind } from "./key-pair.ts";
import { encodeName } from "./name.ts";
import { OID } from "./oid.ts";
import { signDer } from "./signature.ts";

const keyPair = createKeyPair();
const spiffeId = SpiffeId.parse("spiffe://td/ns/foo/sa/web");

function throwsCoded(action: () => unknown, code: string, message?: string): void {
  assert.throws(
    action,
    (error) => isSymbolonError(error) && error.code === code && (message ?? error.message) === error.message,
  );
}

/** A request with attributes and other parts as a test wants them, properly signed. */
function request(
  parts: { version?: bigint; spki?: Uint8Array; attributes?: readonly Uint8Array[]; extra?: Uint8Array } = {},
): Uint8Array {
  const info = encodeSequence(
    encodeInteger(parts.version ?? 0n),
    encodeName(),
    parts.spki ?? keyPair.spki,
    ...(parts.attributes ? [encodeElement(contextConstructed(0), ...parts.attributes)] : []),
    ...(parts.extra ? [parts.extra] : []),
  );
  const { algorithm, signature } = signDer(keyPair.privateKey, info);
  return encodeSequence(info, algorithm, encodeBitString(signature));
}
const extensionRequest = (...values: readonly Uint8Array[]) =>
  encodeSequence(encodeOid(OID.extensionRequest), encodeSetOf(values));
const someExtensions = encodeExtensions({ subjectAltName: { uris: ["spiffe://td/x"] } });

describe("certificate signing requests", () => {
  for (const kind of ["ec-p256", "ec-p384", "rsa-2048", "ed25519"] satisfies KeyKind[]) {
    test(`round trip with ${kind}`, () => {
      const pair = createKeyPair(kind);
      const created = createCertificateSigningRequest({ keyPair: pair, spiffeId, dnsNames: ["web.foo.svc"] });
      const read = parseCertificateSigningRequestFromPem(certificateSigningRequestToPem(created));
      verifyCsrSignature(read);
      assert.deepEqual(read.spki, pair.spki);
      assert.deepEqual(read.requestedExtensions.subjectAltName?.uris, ["spiffe://td/ns/foo/sa/web"]);
      assert.deepEqual(read.requestedExtensions.subjectAltName?.dnsNames, ["web.foo.svc"]);
      assert.equal(read.requestedExtensions.subjectAltName?.critical, true);
      assert.ok(read.subject.isEmpty);
    });
  }

  test("may ask for nothing", () => {
    const read = createCertificateSigningRequest({ keyPair });
    assert.deepEqual(read.attributeOids, []);
    assert.equal(read.requestedExtensions.subjectAltName, undefined);
    const withSubject = createCertificateSigningRequest({
      keyPair,
      subject: [{ oid: OID.commonName, value: "admin" }],
    });
    assert.equal(withSubject.subject.text, "CN=admin");
    verifyCsrSignature(parseCertificateSigningRequest(request()));
  });

  test("may carry 300 attributes", () => {
    const attributes = Array.from({ length: 300 }, (_, i) =>
      encodeSequence(encodeOid(`1.2.3.${i}`), encodeSetOf([encodeNull()])),
    );
    const read = parseCertificateSigningRequest(
      request({ attributes: [...attributes, extensionRequest(someExtensions)] }),
    );
    assert.equal(read.attributeOids.length, 301);
    assert.deepEqual(read.requestedExtensions.subjectAltName?.uris, ["spiffe://td/x"]);
  });
});

describe("proof of possession", () => {
  const { der, infoDer, signatureAlgorithm, signature } = createCertificateSigningRequest({ keyPair, spiffeId });

  test("fails for a signature with a flipped bit", () => {
    const flipped = signature.map((byte, i) => (i === signature.length - 1 ? byte ^ 1 : byte));
    const read = parseCertificateSigningRequest(encodeSequence(infoDer, signatureAlgorithm, encodeBitString(flipped)));
    throwsCoded(
      () => verifyCsrSignature(read),
      "ERR_CSR_SIGNATURE_INVALID",
      "CSR signature does not verify with the key in it",
    );
  });

  test("fails for a signature by another key", () => {
    const other = signDer(createKeyPair().privateKey, infoDer);
    const read = parseCertificateSigningRequest(
      encodeSequence(infoDer, other.algorithm, encodeBitString(other.signature)),
    );
    throwsCoded(() => verifyCsrSignature(read), "ERR_CSR_SIGNATURE_INVALID");
  });

  test("fails for a change in what was signed", () => {
    const at = der.length - signature.length - 40;
    const text = new TextDecoder("latin1").decode(der);
    const changed = der.map((byte, i) => (i === text.indexOf("sa/web") + 3 ? byte ^ 1 : byte));
    assert.ok(at > 0);
    throwsCoded(() => verifyCsrSignature(parseCertificateSigningRequest(changed)), "ERR_CSR_SIGNATURE_INVALID");
  });

  test("fails for an algorithm that is not on the list", () => {
    const sha1 = encodeSequence(encodeOid("1.2.840.10045.4.1"));
    const read = parseCertificateSigningRequest(encodeSequence(infoDer, sha1, encodeBitString(signature)));
    throwsCoded(() => verifyCsrSignature(read), "ERR_X509_SIGNATURE_ALGORITHM");
  });
});

describe("parseCertificateSigningRequest refuses", () => {
  const pem = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair, spiffeId }));
  const malformed: readonly (readonly [why: string, action: () => unknown])[] = [
    ["trailing bytes", () => parseCertificateSigningRequest(Uint8Array.of(...request(), 0))],
    ["two blocks", () => parseCertificateSigningRequestFromPem(pem + pem)],
    ["text around the block", () => parseCertificateSigningRequestFromPem(`${pem}x`)],
    [
      "another label",
      () => parseCertificateSigningRequestFromPem(pem.replaceAll("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")),
    ],
    ["an empty text", () => parseCertificateSigningRequestFromPem("")],
    ["version 2", () => parseCertificateSigningRequest(request({ version: 1n }))],
    [
      "two extension requests",
      () =>
        parseCertificateSigningRequest(
          request({ attributes: [extensionRequest(someExtensions), extensionRequest(someExtensions)] }),
        ),
    ],
    [
      "an extension request with two values",
      () =>
        parseCertificateSigningRequest(
          request({ attributes: [extensionRequest(someExtensions, encodeExtensions({ keyUsage: ["keyCertSign"] }))] }),
        ),
    ],
    [
      "an extension request without a value",
      () => parseCertificateSigningRequest(request({ attributes: [extensionRequest()] })),
    ],
    [
      "a field after the attributes",
      () => parseCertificateSigningRequest(request({ attributes: [], extra: encodeNull() })),
    ],
    [
      "too many attributes",
      () =>
        parseCertificateSigningRequest(
          request({
            attributes: Array.from({ length: 1025 }, () => encodeSequence(encodeOid("1.2.3"), encodeSetOf([]))),
          }),
        ),
    ],
    ["more than 64 KiB", () => parseCertificateSigningRequest(new Uint8Array(70_000))],
    [
      "a certificate",
      () =>
        parseCertificateSigningRequest(
          encodeSequence(encodeSequence(), encodeSequence(), encodeBitString(new Uint8Array())),
        ),
    ],
  ];
  for (const [why, action] of malformed) test(why, () => throwsCoded(action, "ERR_CSR_MALFORMED"));

  test("a key that may not be certified", () => {
    const offCurve = keyPair.spki.map((byte, i) => (i === keyPair.spki.length - 1 ? byte ^ 1 : byte));
    throwsCoded(() => parseCertificateSigningRequest(request({ spki: offCurve })), "ERR_KEY_POINT");
  });
});
