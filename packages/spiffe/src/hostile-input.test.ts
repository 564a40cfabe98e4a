/** Whatever the bytes: a value or a coded error, and soon. Seeds are fixed, so that a failure comes again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BundleSet, JwtBundle, JwtBundleSet, SpiffeBundle, X509Bundle } from "./bundle/index.ts";
import { isSymbolonError, SPIFFE_ERRORS } from "./core/index.ts";
import { checkJwtClaims, JWS_ALGORITHMS, jwkFromPublicKey, parseJwkSet, signJws, verifyJws } from "./jwt/index.ts";
import { parseX509Svid, verifyJwtSvid, verifyX509Svid } from "./svid/index.ts";
import { createTestAuthority } from "./testing/index.ts";
import {
  certificatesToDer,
  checkPublicKeyPolicy,
  createCertificateSigningRequest,
  createKeyPair,
  encodePem,
  keyPairOf,
  lintCertificate,
  OID,
  parseCertificate,
  parseCertificateSigningRequest,
  parseCertificateSigningRequestFromPem,
  parseCertificatesDer,
  parsePem,
  parsePrivateKeyPem,
  verifyCsrSignature,
} from "./x509/index.ts";

const now = new Date("2026-01-01T00:00:00Z");
const MAX_MS = 1000;

const rsaRoot = createTestAuthority("td", { keyKind: "rsa-2048" });
const root = createTestAuthority("td", {
  template: {
    nameConstraints: {
      permitted: { uris: ["td", ".td"], dnsNames: ["example"], emails: ["a@example"] },
      excluded: { dnsNames: ["evil.example"] },
    },
  },
});
const middle = root.intermediate();
const issued = middle.issueCertificate({
  uris: ["spiffe://td/ns/foo/sa/web"],
  dnsNames: ["web.example", "*.web.example"],
  template: { subject: [{ oid: OID.commonName, value: "웹" }] },
});
const bundles = BundleSet.of(X509Bundle.fromCertificates(root.trustDomain, [root.certificate, rsaRoot.certificate]));
const rsaLeaf = rsaRoot.issueCertificate({ keyKind: "rsa-2048" });
const csr = createCertificateSigningRequest({ keyPair: issued.keyPair, dnsNames: ["web.example"] });
const edKey = createKeyPair("ed25519");

const privateKeys = [issued.keyPair, rsaLeaf.keyPair, edKey].map(({ privateKey }) =>
  Uint8Array.from(privateKey.export({ format: "der", type: "pkcs8" })),
);
const certificates = [...issued.chain, root.certificate, rsaLeaf.certificate].map(({ der }) => der);

const jwks = [issued.keyPair, rsaLeaf.keyPair, edKey].map(({ publicKey }, i) =>
  jwkFromPublicKey(publicKey, { kid: `k${i}` }),
);
const keySet = parseJwkSet(JSON.stringify({ keys: jwks }));
const claims = { iss: "https://td", sub: "spiffe://td/x", aud: ["a", "b"], exp: 4_000_000_000, nbf: 1, iat: 1 };
const tokens = [issued.keyPair, rsaLeaf.keyPair, edKey].map(({ privateKey }, i) =>
  signJws(claims, { kid: `k${i}`, privateKey }),
);

const jwtSvids = [issued.keyPair, rsaLeaf.keyPair].map(({ privateKey }, i) =>
  signJws({ ...claims, aud: ["a"] }, { kid: `k${i}`, privateKey }),
);
const jwtBundle = JwtBundle.fromKeys(root.trustDomain, keySet.keys);
const bundleDocument = SpiffeBundle.of(root.trustDomain, {
  x509Authorities: [root.certificate, rsaRoot.certificate],
  jwtAuthorities: keySet,
  sequence: 1,
  refreshHintSeconds: 60,
}).json;

const publicKeys = [issued, rsaLeaf].map(({ keyPair }) => keyPair.spki);
const pemOf = (label: string, ders: readonly Uint8Array[]) => ders.map((der) => encodePem(label, der));

type Reader<T> = readonly [name: string, samples: readonly T[], read: (input: T) => unknown];

/** Each with what it is for; the reading also uses what a value computes only when asked. */
const byteReaders: readonly Reader<Uint8Array>[] = [
  [
    "parseCertificate",
    certificates,
    (bytes) => {
      const certificate = parseCertificate(bytes);
      lintCertificate(certificate, { role: "leaf", issuer: middle.certificate, now });
      lintCertificate(root.certificate, { role: "authority", issuer: certificate, now });
      checkPublicKeyPolicy(certificate.spki);
      return certificate.publicKey;
    },
  ],
  ["parseCertificatesDer", [certificatesToDer(issued.chain)], parseCertificatesDer],
  [
    "verifyX509Svid, as leaf",
    [issued.certificate.der, rsaLeaf.certificate.der],
    (bytes) => verifyX509Svid([bytes, middle.certificate.der], bundles, { now }),
  ],
  [
    "verifyX509Svid, as intermediate",
    [middle.certificate.der],
    (bytes) => verifyX509Svid([issued.certificate.der, bytes], bundles, { now }),
  ],
  [
    "X509Bundle.fromDer",
    [root.certificate.der, rsaRoot.certificate.der],
    (bytes) => verifyX509Svid(certificates, BundleSet.of(X509Bundle.fromDer(root.trustDomain, bytes)), { now }),
  ],
  ["parseCertificateSigningRequest", [csr.der], (bytes) => verifyCsrSignature(parseCertificateSigningRequest(bytes))],
  ["checkPublicKeyPolicy", publicKeys, checkPublicKeyPolicy],
  [
    "parsePrivateKeyPem, keyPairOf",
    privateKeys,
    (bytes) => keyPairOf(parsePrivateKeyPem(encodePem("PRIVATE KEY", bytes))),
  ],
  ["parseX509Svid, certificate", [issued.certificate.der], (bytes) => parseX509Svid(bytes, issued.keyPair.privateKey)],
  ["parseX509Svid, key", privateKeys, (bytes) => parseX509Svid(issued.chain, encodePem("PRIVATE KEY", bytes))],
];
const textReaders: readonly Reader<string>[] = [
  ["parsePem", pemOf("CERTIFICATE", certificates), (text) => parsePem(text)],
  [
    "parseCertificateSigningRequestFromPem",
    pemOf("CERTIFICATE REQUEST", [csr.der]),
    parseCertificateSigningRequestFromPem,
  ],
  ["parsePrivateKeyPem", pemOf("PRIVATE KEY", privateKeys), parsePrivateKeyPem],
  ["X509Bundle.fromPem", [root.bundle.toPem()], (text) => X509Bundle.fromPem(root.trustDomain, text)],
  [
    "verifyJws",
    tokens,
    (text) => {
      const verified = verifyJws(text, keySet, { algorithms: JWS_ALGORITHMS });
      return checkJwtClaims(verified.claims, { issuer: "https://td", audiences: ["a"], now });
    },
  ],
  ["verifyJwtSvid", jwtSvids, (text) => verifyJwtSvid(text, JwtBundleSet.of(jwtBundle), { audiences: ["a"], now })],
  ["JwtBundle.fromJwkSet", [jwtBundle.json], (text) => JwtBundle.fromJwkSet(root.trustDomain, text)],
  ["SpiffeBundle.parse", [bundleDocument], (text) => SpiffeBundle.parse(root.trustDomain, text).json],
  ["parseJwkSet", jwks.map((jwk) => JSON.stringify({ keys: [jwk] })), parseJwkSet],
];

const changes = fc.tuple(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 6 }));
const mutatedFrom = (samples: readonly Uint8Array[]) =>
  fc
    .tuple(fc.constantFrom(...samples), fc.array(changes, { minLength: 1, maxLength: 2 }))
    .map(([der, list]) => list.reduce((bytes, change) => mutateElement(bytes, change), der));
const splicedFrom = (samples: readonly Uint8Array[]) =>
  fc
    .tuple(fc.constantFrom(...samples), changes)
    .map(([der, [at, removed, added]]) => splice(der, at % (der.length + 1), removed % 8, added));
const fragments = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("\n", "=", ".", '"', "{", "\\u0000", "-----"));
const splicedTextFrom = (samples: readonly string[]) =>
  fc.tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(8), fragments).map(([text, position, removed, added]) => {
    const at = position % (text.length + 1);
    return text.slice(0, at) + added + text.slice(at + removed);
  });
const jsonTokens = fc
  .tuple(fc.json(), fc.json(), fc.base64String({ maxLength: 90 }))
  .map((parts) => parts.map((part) => Buffer.from(part).toString("base64url")).join("."));

const RUNS = { seed: 7, numRuns: 1000 };

describe("bytes of any kind end in a value or a coded error", () => {
  for (const [name, samples, read] of byteReaders) {
    const inputs = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      { arbitrary: mutatedFrom(samples), weight: 6 },
      { arbitrary: splicedFrom(samples), weight: 3 },
    );
    test(name, () =>
      fc.assert(
        fc.property(inputs, (input) => endsWell(() => read(input))),
        RUNS,
      ),
    );
  }
});

describe("texts of any kind end in a value or a coded error", () => {
  for (const [name, samples, read] of textReaders) {
    const inputs = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.json(), jsonTokens, {
      arbitrary: splicedTextFrom(samples),
      weight: 5,
    });
    test(name, () =>
      fc.assert(
        fc.property(inputs, (input) => endsWell(() => read(input))),
        RUNS,
      ),
    );
  }
});

test("a certificate of which any one byte was changed is never a peer", () => {
  const [leaf] = issued.chain;
  assert.ok(leaf);
  for (let at = 0; at < leaf.der.length; at++) {
    const changed = leaf.der.map((byte, i) => (i === at ? byte ^ 0x01 : byte));
    assert.throws(
      () => verifyX509Svid([changed, middle.certificate.der], bundles, { now }),
      isSymbolonError,
      `byte ${at}`,
    );
  }
});

test("a token of which any one character was changed is not verified", () => {
  for (const token of tokens) {
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
      assert.throws(
        () => verifyJws(changed, keySet, { algorithms: JWS_ALGORITHMS }),
        isSymbolonError,
        `character ${at}`,
      );
    }
  }
});

function endsWell(read: () => unknown): void {
  const started = performance.now();
  try {
    read();
  } catch (error) {
    if (!isSymbolonError(error) || !(error.code in SPIFFE_ERRORS)) throw error;
  }
  assert.ok(performance.now() - started < MAX_MS);
}

/** Changes one element somewhere in the tree and repairs the lengths above it, so that the damage is read and not only seen. */
function mutateElement(der: Uint8Array, [where, how, bytes]: readonly [number, number, Uint8Array]): Uint8Array {
  const elements = elementsOf(der, 0, der.length, []);
  const target = elements[where % Math.max(1, elements.length)];
  if (!target) return bytes;
  const { start, contentStart, end } = target;
  const content = der.subarray(contentStart, end);
  const replacements = [
    () => bytes,
    () => element(bytes[0] ?? 0x30, content),
    () => element(der[start] ?? 0, bytes),
    () => element(der[start] ?? 0, splice(content, how % (content.length + 1), 1, bytes)),
    () => Uint8Array.of(...der.subarray(start, end), ...der.subarray(start, end)),
    () => element(0x30, der.subarray(start, end)),
  ];
  const replacement = replacements[how % replacements.length]?.() ?? bytes;
  return target.parents.reduceRight<Uint8Array>((inner, parent, level) => {
    const hole = target.parents[level + 1] ?? target;
    const parts = [der.subarray(parent.contentStart, hole.start), inner, der.subarray(hole.end, parent.end)];
    return element(der[parent.start] ?? 0, Uint8Array.from(parts.flatMap((part) => [...part])));
  }, replacement);
}

interface Position {
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

function elementsOf(
  der: Uint8Array,
  from: number,
  to: number,
  parents: readonly Position[],
): (Position & { readonly parents: readonly Position[] })[] {
  const found: (Position & { readonly parents: readonly Position[] })[] = [];
  for (let start = from; start + 1 < to; ) {
    const tag = der[start] ?? 0;
    const first = der[start + 1] ?? 0;
    const count = first & 0x80 ? first & 0x7f : 0;
    let length = count === 0 ? first : 0;
    for (let i = 0; i < count; i++) length = length * 256 + (der[start + 2 + i] ?? 0);
    const contentStart = start + 2 + count;
    const end = contentStart + length;
    if (end > to) break;
    found.push({ start, contentStart, end, parents });
    const here = { start, contentStart, end };
    // OCTET and BIT STRINGs often hold DER again: extensions, keys.
    if (tag & 0x20) found.push(...elementsOf(der, contentStart, end, [...parents, here]));
    else if (tag === 0x04 && der[contentStart] === 0x30)
      found.push(...elementsOf(der, contentStart, end, [...parents, here]));
    start = end;
  }
  return found;
}

function element(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Uint8Array.of(tag, ...header, ...content);
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  return Uint8Array.of(...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed));
}
