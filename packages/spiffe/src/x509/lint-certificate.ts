import type { SpiffeId } from "../id/index.ts";
import type { TbsCertificate } from "./certificate.ts";
import { RFC5280_RULES } from "./lint-rules-rfc5280.ts";
import { SPIFFE_RULES, spiffeIdIn } from "./lint-rules-spiffe.ts";

export type LintSeverity = "error" | "warning";

export interface LintFinding {
  /** Stable, for tests and audit records. */
  readonly code: string;
  /** "error": must not be signed. "warning": legal, but not what we would issue. */
  readonly severity: LintSeverity;
  readonly message: string;
}

export interface LintOptions {
  readonly role: "leaf" | "authority";
  /** Certificate of the signer; for a self-signed authority, itself or absent. */
  readonly issuer?: TbsCertificate;
  readonly now?: Date;
  readonly expectedSpiffeId?: SpiffeId;
  /** Longest notAfter - notBefore of a leaf; 90 days (Istio's MAX_WORKLOAD_CERT_TTL), plus notBefore's skew, if absent. */
  readonly maxLifetimeSeconds?: number;
}

/** What a rule looks at. */
export interface LintSubject extends LintOptions {
  readonly certificate: TbsCertificate;
  /** Of its first URI SAN; undefined without one that can be read. */
  readonly spiffeId: SpiffeId | undefined;
}

export interface LintRule {
  readonly code: string;
  readonly severity: LintSeverity;
  /** Only for this role; for both, if absent. */
  readonly role?: LintOptions["role"];
  /** The section that asks for it. */
  readonly source: string;
  /** What is wrong, or undefined. */
  check(subject: LintSubject): string | undefined;
}

/**
 * The rules of X509-SVID and RFC 5280 on a certificate, signed or not yet (SR-20): a CA lints exactly the bytes that
 * it is about to sign. Findings come in the order of the rules; none means clean. A rule whose context is missing
 * (`issuer`, `now`, `expectedSpiffeId`) says nothing, so that a CA passes all of them.
 */
export function lintCertificate(certificate: TbsCertificate, options: LintOptions): readonly LintFinding[] {
  const subject = { ...options, certificate, spiffeId: spiffeIdIn(certificate) };
  const findings: LintFinding[] = [];
  for (const { code, severity, check } of RULES_OF_ROLE[options.role]) {
    const message = check(subject);
    if (message !== undefined) findings.push({ code, severity, message });
  }
  return findings;
}

export const LINT_RULES: readonly LintRule[] = [...SPIFFE_RULES, ...RFC5280_RULES];

const rulesOf = (wanted: LintOptions["role"]): readonly LintRule[] =>
  LINT_RULES.filter(({ role }) => role === undefined || role === wanted);
const RULES_OF_ROLE = { leaf: rulesOf("leaf"), authority: rulesOf("authority") };
