import type { SpiffeId } from "@symbolon/spiffe/id";
import {
  keyIdentifier,
  type LintFinding,
  lintCertificate,
  parseTbsCertificate,
  type TbsCertificate,
} from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import type { Validity } from "./issuance-profile.ts";
import type { IssuanceLog, IssuanceRecord } from "./ports.ts";
import { serialNumberHex } from "./serial-number.ts";
import type { SigningAuthority } from "./signing-authority.ts";

/**
 * The order of issuance as types (boulder's `issuanceToken`): `prepareCertificate` alone makes a PreparedCertificate,
 * after a clean lint; `recordIssuance` alone makes a RecordedCertificate of one, after the log has it on disk;
 * `signCertificate` takes nothing else. Each token serves once. Both classes are exported as types only, have private
 * members and a constructor that wants a symbol of this file, so that no other code can make one, in TypeScript or
 * by a cast: an unlinted or unrecorded certificate cannot be signed.
 */
export type { PreparedCertificate, RecordedCertificate };

/** Everything that one certificate is going to say, and on whose word. */
export interface CertificatePlan {
  readonly kind: IssuanceRecord["kind"];
  readonly spiffeId: SpiffeId;
  /** DER SubjectPublicKeyInfo that has passed the key policy. */
  readonly publicKey: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly validity: Validity;
  readonly serialNumber: bigint;
  readonly caller: string;
  readonly authenticator: string;
}

const MINT = Symbol("issuance token");

class IssuanceToken {
  // Behind getters, and a frozen copy: what was linted is what is recorded, and by whom it is signed cannot change.
  readonly #authority: SigningAuthority;
  readonly #plan: CertificatePlan;
  readonly #tbs: TbsCertificate;
  #spent = false;

  constructor(mint: typeof MINT, authority: SigningAuthority, plan: CertificatePlan, tbs: TbsCertificate) {
    if (mint !== MINT) throw productError("ERR_INTERNAL_BUG", "issuance tokens are made by the issuance steps alone");
    this.#authority = authority;
    this.#plan = Object.freeze({ ...plan });
    this.#tbs = tbs;
  }

  get authority(): SigningAuthority {
    return this.#authority;
  }

  get plan(): CertificatePlan {
    return this.#plan;
  }

  /** What was linted, once: the same token never leads to two signatures. */
  protected static spend(token: IssuanceToken): TbsCertificate {
    if (token.#spent) throw productError("ERR_INTERNAL_BUG", "issuance token is already spent");
    token.#spent = true;
    return token.#tbs;
  }
}

let spendPrepared: (token: PreparedCertificate) => TbsCertificate;
let spendRecorded: (token: RecordedCertificate) => TbsCertificate;

class PreparedCertificate extends IssuanceToken {
  readonly #linted = true;

  static {
    spendPrepared = (token) => {
      // A cast gets past the compiler; it does not get past this.
      if (!(#linted in token)) throw productError("ERR_INTERNAL_BUG", "certificate was not prepared");
      return PreparedCertificate.spend(token);
    };
  }
}

class RecordedCertificate extends IssuanceToken {
  readonly #recorded = true;

  static {
    spendRecorded = (token) => {
      if (!(#recorded in token)) throw productError("ERR_INTERNAL_BUG", "certificate was not recorded");
      return RecordedCertificate.spend(token);
    };
  }
}

/**
 * Builds exactly the bytes that will be signed, and lints them against X509-SVID and RFC 5280 (SR-20).
 * @throws ERR_CA_LINT_FAILED
 */
export function prepareCertificate(authority: SigningAuthority, plan: CertificatePlan, now: Date): PreparedCertificate {
  const { spiffeId, publicKey, dnsNames = [], ipAddresses = [], validity, serialNumber } = plan;
  const issuer = authority.certificate;
  const tbs = authority.encodeLeaf({
    serialNumber,
    ...validity,
    spki: publicKey,
    // Critical, because the subject is empty (RFC 5280 §4.1.2.6).
    subjectAltName: { uris: [spiffeId.toString()], dnsNames, ipAddresses, critical: true },
    subjectKeyId: keyIdentifier(publicKey),
  });
  const read = parseTbsCertificate(tbs);
  const findings = lintCertificate(read, { role: "leaf", issuer, now, expectedSpiffeId: spiffeId });
  const faults = findings.filter(({ severity }) => severity === "error");
  if (faults.length > 0) throw lintFailed(faults);
  return new PreparedCertificate(MINT, authority, plan, read);
}

/** Resolves when the log has the certificate on disk (SR-21). @throws what the log throws; the token is spent all the same */
export async function recordIssuance(
  issuances: IssuanceLog,
  prepared: PreparedCertificate,
  now: Date,
): Promise<RecordedCertificate> {
  const { authority, plan } = prepared;
  const tbs = spendPrepared(prepared);
  await issuances.record([
    {
      serialNumber: serialNumberHex(plan.serialNumber),
      kind: plan.kind,
      spiffeId: plan.spiffeId.toString(),
      caller: plan.caller,
      authenticator: plan.authenticator,
      ...plan.validity,
      recordedAt: now,
      publicKey: plan.publicKey,
      tbs: tbs.tbsDer,
      issuerPublicKey: authority.certificate.spki,
    },
  ]);
  return new RecordedCertificate(MINT, authority, plan, tbs);
}

/** What is to be signed, as it was read for the lint. For `signCertificate` alone: whoever else calls it has spent a token for nothing. */
export function certificateToSign(recorded: RecordedCertificate): TbsCertificate {
  return spendRecorded(recorded);
}

function lintFailed(findings: readonly LintFinding[]) {
  const [first] = findings;
  return productError("ERR_CA_LINT_FAILED", `certificate is not fit to be signed: ${first?.message}`, {
    details: { findings: findings.map(({ code, message }) => `${code}: ${message}`) },
  });
}
