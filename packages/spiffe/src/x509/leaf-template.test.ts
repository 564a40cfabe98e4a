import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import {
  buildTbsCertificate,
  createKeyPair,
  createLeafTemplate,
  encodeName,
  KEY_KINDS,
  keyIdentifier,
  type LeafConstants,
  type LeafFields,
  OID,
  signatureAlgorithmFor,
} from "./index.ts";

/** Reproducible: xorshift32. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const next = randomNumbers(0x5eed);
const pick = <T>(items: readonly T[]): T => items[next(items.length)] as T;
const octets = (length: number): Uint8Array => Uint8Array.from({ length }, () => next(256));
const keyPairs = KEY_KINDS.filter((kind) => kind !== "rsa-4096").map((kind) => createKeyPair(kind));

const constantsOf = (): LeafConstants => ({
  signatureAlgorithm: signatureAlgorithmFor(pick(keyPairs).privateKey),
  issuer: encodeName(
    Array.from({ length: 1 + next(3) }, () => ({ oid: OID.organizationName, value: text(next(200)) })),
  ),
  basicConstraints: pick([{ ca: false }, { ca: true }, { ca: true, pathLength: next(300) }]),
  keyUsage: pick([["digitalSignature"], ["digitalSignature", "keyEncipherment"], ["decipherOnly"]] as const),
  extKeyUsage: pick([[OID.serverAuth, OID.clientAuth], [OID.clientAuth]]),
  authorityKeyId: octets(20),
});

const fieldsOf = (): LeafFields => ({
  serialNumber: BigInt(`0x${Buffer.from(octets(1 + next(20))).toString("hex")}`),
  // From 1940 to 2080: both forms of time.
  notBefore: new Date((next(4_418_000) - 947_000) * 1_000_000),
  notAfter: new Date((next(4_418_000) - 947_000) * 1_000_000 + 999),
  spki: pick(keyPairs).spki,
  subjectKeyId: keyIdentifier(pick(keyPairs).spki),
  subjectAltName: {
    uris: [`spiffe://${text(1 + next(20))}/${text(1 + next(300))}`],
    dnsNames: Array.from({ length: next(4) }, () => `${text(1 + next(60))}.test`),
    ipAddresses: pick([[], ["127.0.0.1"], ["::1", "10.0.0.1"]]),
    ...pick([{}, { critical: true }, { critical: false }]),
  },
});

function text(length: number): string {
  return Array.from({ length }, () => "abcdefghijklmnopqrstuvwxyz0123456789"[next(36)]).join("");
}

describe("a leaf template", () => {
  it("makes what buildTbsCertificate makes, byte for byte", () => {
    for (let issuer = 0; issuer < 40; issuer++) {
      const constants = constantsOf();
      const template = createLeafTemplate(constants);
      for (let leaf = 0; leaf < 40; leaf++) {
        const fields = fieldsOf();
        assert.deepEqual(template(fields), buildTbsCertificate({ ...constants, ...fields, subject: [] }));
      }
    }
  });

  it("refuses what has no encoding, and goes on with the next leaf", () => {
    const template = createLeafTemplate(constantsOf());
    const fields = fieldsOf();
    const wrong: readonly LeafFields[] = [
      { ...fields, notAfter: new Date("+010000-01-01T00:00:00Z") },
      { ...fields, notBefore: new Date(Number.NaN) },
      { ...fields, subjectAltName: { uris: ["spiffe://exämple/a"] } },
      { ...fields, subjectAltName: { ipAddresses: ["1.2.3"] } },
    ];
    const before = template(fields);
    for (const leaf of wrong)
      assert.throws(
        () => template(leaf),
        (error) => isSymbolonError(error) && error.code === "ERR_X509_TEMPLATE_INVALID",
      );
    assert.deepEqual(template(fields), before);
  });
});
