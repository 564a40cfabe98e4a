import { toHex } from "./bytes.ts";

export type CurveName = "P-256" | "P-384" | "P-521";

/** y² = x³ - 3x + b modulo p, prime order, cofactor 1 (SP 800-186 §3.2.1). */
export interface Curve {
  readonly name: CurveName;
  readonly bits: number;
  readonly p: bigint;
  readonly b: bigint;
}

/** Curves of ECDSA keys, in certificates and in key sets. */
export function curveNamed(name: CurveName): Curve {
  return CURVES[name];
}

const CURVES: Readonly<Record<CurveName, Curve>> = {
  "P-256": {
    name: "P-256",
    bits: 256,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  "P-384": {
    name: "P-384",
    bits: 384,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  "P-521": {
    name: "P-521",
    bits: 521,
    p: 2n ** 521n - 1n,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
};

/**
 * SEC 1 §2.3.4, uncompressed form only: the one that every TLS stack takes. The point at infinity has one octet and
 * so fails; with cofactor 1 there is no other point of small order.
 */
export function isPointOnCurve(octets: Uint8Array, curve: Curve): boolean {
  const size = (curve.bits + 7) >> 3;
  if (octets.length !== 1 + 2 * size || octets[0] !== 0x04) return false;
  const x = BigInt(`0x${toHex(octets.subarray(1, 1 + size))}`);
  const y = BigInt(`0x${toHex(octets.subarray(1 + size))}`);
  if (x >= curve.p || y >= curve.p) return false;
  return (y * y - (x * x - 3n) * x - curve.b) % curve.p === 0n;
}
