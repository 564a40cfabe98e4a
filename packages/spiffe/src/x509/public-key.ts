import {
  type CurveName,
  curveNamed,
  equalBytes,
  isPointOnCurve,
  looksLikeRocaModulus,
  smallFactorOf,
  spiffeError,
  toHex,
} from "../core/index.ts";
import { contentsOf, type DerReader, readSingle, TAG } from "./der.ts";
import { integerValue, octetAlignedBits, oidValue } from "./der-values.ts";
import { encodeNull } from "./der-writer.ts";
import { OID } from "./oid.ts";

/** What `checkPublicKeyPolicy` found in a SubjectPublicKeyInfo that it lets pass. */
export type PublicKeyInfo =
  | { readonly kind: "ec"; readonly curve: CurveName; readonly bits: number }
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "ed25519"; readonly bits: number };

const CURVE_NAMES: ReadonlyMap<string, CurveName> = new Map([
  [OID.p256, "P-256"],
  [OID.p384, "P-384"],
  [OID.p521, "P-521"],
]);
const MIN_RSA_BITS = 2048;
/** Verification time grows with the square of the size; 16,384-bit keys are a way to stall a verifier (CV-65). */
const MAX_RSA_BITS = 8192;

/**
 * Lets P-256, P-384, P-521, RSA of 2048 to 8192 bits and Ed25519 pass, and looks into the numbers: the runtime may
 * abort or loop on keys that it should refuse (CVE-2022-0778, CVE-2023-30588), so that it never sees such a key.
 * Not constant in time: public keys are no secret.
 * @param spki DER of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7)
 * @throws ERR_KEY_CURVE, _EXPONENT, _MALFORMED, _MODULUS, _POINT, _SIZE, _UNSUPPORTED
 */
export function checkPublicKeyPolicy(spki: Uint8Array): PublicKeyInfo {
  if (spki.length > MAX_REMEMBERED_BYTES) return examine(spki);
  const bytes = toHex(spki);
  const known = passed.get(bytes);
  if (known) return known;
  const info = Object.freeze(examine(spki));
  const [oldest] = passed.size >= MAX_REMEMBERED_KEYS ? passed.keys() : [];
  if (oldest !== undefined) passed.delete(oldest);
  passed.set(bytes, info);
  return info;
}

/**
 * Keys that have passed, by their whole encoding: the answer depends on nothing else. A CA asks twice of each key, when
 * it reads the request and when it lints the certificate, and of its own each time. A refusal is never remembered.
 */
const passed = new Map<string, PublicKeyInfo>();
const MAX_REMEMBERED_KEYS = 256;
/** RSA-4096 has 550. */
const MAX_REMEMBERED_BYTES = 600;

function examine(spki: Uint8Array): PublicKeyInfo {
  const { algorithm, parameters, key } = readSpki(spki);
  switch (algorithm) {
    case OID.ecPublicKey:
      return checkEcKey(parameters, key);
    case OID.rsaEncryption:
      return checkRsaKey(parameters, key);
    case OID.ed25519:
      // RFC 8410 §3: the parameters are absent.
      if (parameters.length > 0 || key.length !== 32) throw keyMalformed("Ed25519 key");
      return { kind: "ed25519", bits: 256 };
    default:
      throw spiffeError("ERR_KEY_UNSUPPORTED", `public key algorithm ${algorithm} is not supported`, {
        details: { algorithm },
      });
  }
}

/** The bits of the key alone, which RFC 5280 §4.2.1.2 hashes for a key identifier. */
export function subjectPublicKeyBits(spki: Uint8Array): Uint8Array {
  return readSpki(spki).key;
}

function readSpki(spki: Uint8Array) {
  try {
    const fields = contentsOf(readSingle(spki, TAG.sequence));
    const algorithmFields = fields.readSequence();
    const algorithm = oidValue(algorithmFields.read(TAG.oid));
    const parameters = algorithmFields.atEnd ? new Uint8Array() : algorithmFields.next().der;
    algorithmFields.finish();
    const key = octetAlignedBits(fields.read(TAG.bitString));
    fields.finish();
    return { algorithm, parameters, key };
  } catch (cause) {
    throw spiffeError("ERR_KEY_MALFORMED", "malformed public key", { cause });
  }
}

function checkEcKey(parameters: Uint8Array, point: Uint8Array): PublicKeyInfo {
  // RFC 5480 §2.1.1: namedCurve only; explicit parameters are an endless loop in some libraries (CV-68).
  if (parameters[0] !== TAG.oid) throw spiffeError("ERR_KEY_CURVE", "elliptic curve is not given by name");
  const curveOid = oidValue(readSingle(parameters, TAG.oid));
  const name = CURVE_NAMES.get(curveOid);
  if (!name) {
    const message = `elliptic curve ${curveOid} is not supported`;
    throw spiffeError("ERR_KEY_CURVE", message, { details: { curve: curveOid } });
  }
  const curve = curveNamed(name);
  if (!isPointOnCurve(point, curve)) {
    throw spiffeError("ERR_KEY_POINT", `public key is not an uncompressed point on ${curve.name}`);
  }
  return { kind: "ec", curve: curve.name, bits: curve.bits };
}

function checkRsaKey(parameters: Uint8Array, key: Uint8Array): PublicKeyInfo {
  // RFC 3279 §2.3.1: the parameters are NULL.
  if (!equalBytes(parameters, encodeNull())) throw keyMalformed("RSA key whose parameters are not NULL");
  const { modulus, exponent } = readRsaKey(key);
  const bits = modulus > 0n ? modulus.toString(2).length : 0;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    const message = `RSA key has ${bits} bits, wanted ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`;
    throw spiffeError("ERR_KEY_SIZE", message, { details: { bits } });
  }
  // FIPS 186-5 §A.1.1: odd and above 2^16; libraries take 33 bits at most.
  if (exponent < 65537n || exponent >= 1n << 33n || (exponent & 1n) === 0n) {
    throw spiffeError("ERR_KEY_EXPONENT", "RSA public exponent is not an odd number from 65537 to 2^33");
  }
  const factor = smallFactorOf(modulus);
  if (factor !== undefined) throw spiffeError("ERR_KEY_MODULUS", `RSA modulus is divisible by ${factor}`);
  if (looksLikeRocaModulus(modulus)) {
    throw spiffeError("ERR_KEY_MODULUS", "RSA modulus has the fingerprint of CVE-2017-15361 (ROCA)");
  }
  return { kind: "rsa", bits };
}

function readRsaKey(key: Uint8Array): { readonly modulus: bigint; readonly exponent: bigint } {
  try {
    const fields: DerReader = contentsOf(readSingle(key, TAG.sequence));
    const modulus = integerValue(fields.read(TAG.integer));
    const exponent = integerValue(fields.read(TAG.integer));
    fields.finish();
    return { modulus, exponent };
  } catch (cause) {
    throw spiffeError("ERR_KEY_MALFORMED", "malformed RSA public key", { cause });
  }
}

function keyMalformed(what: string) {
  return spiffeError("ERR_KEY_MALFORMED", `malformed public key: ${what}`);
}
