import { equalBytes, errorText } from "../core/index.ts";
import type { TbsCertificate } from "./certificate.ts";
import type { LintRule } from "./lint-certificate.ts";
import { nameConstraintViolation } from "./name-constraints.ts";
import { OID } from "./oid.ts";
import { checkPublicKeyPolicy } from "./public-key.ts";
import { signatureAlgorithmFits, signatureAlgorithmName } from "./signature.ts";

const DAY_MS = 86_400_000;
/** Room for a backdated notBefore on top of the longest lifetime. */
const SKEW_MS = 300_000;
const MAX_LEAF_LIFETIME_SECONDS = 90 * 86_400;

/** The first that takes 21 octets. */
const SERIAL_NUMBER_END = 1n << 159n;
const SMALLEST_RANDOM_SERIAL = 1n << 64n;

const LEAF_EXTENSIONS: readonly string[] = [
  OID.authorityKeyIdentifier,
  OID.basicConstraints,
  OID.certificatePolicies,
  OID.extKeyUsage,
  OID.keyUsage,
  OID.subjectAltName,
  OID.subjectKeyIdentifier,
];

/** RFC 5280, and what SR-16 to SR-20 add. Duplicate extensions never come here: the parser refuses them. */
export const RFC5280_RULES: readonly LintRule[] = [
  {
    code: "san-not-critical",
    severity: "error",
    source: "RFC 5280 4.1.2.6, X509-SVID 3.1",
    check: ({ certificate: { subject, extensions } }) =>
      subject.isEmpty && extensions.subjectAltName?.critical !== true
        ? "subject is empty and subjectAltName is not critical"
        : undefined,
  },
  {
    code: "san-critical",
    severity: "warning",
    source: "RFC 5280 4.2.1.6",
    check: ({ certificate: { subject, extensions } }) =>
      !subject.isEmpty && extensions.subjectAltName?.critical
        ? "subjectAltName is critical beside a subject"
        : undefined,
  },
  {
    code: "authority-subject-empty",
    severity: "error",
    role: "authority",
    source: "RFC 5280 4.1.2.6",
    check: ({ certificate }) => (certificate.subject.isEmpty ? "subject of a signing certificate is empty" : undefined),
  },
  {
    code: "dns-name-syntax",
    severity: "error",
    source: "RFC 5280 4.2.1.6, RFC 1034 3.5",
    check: ({ certificate }) => {
      const bad = certificate.extensions.subjectAltName?.dnsNames.find((dnsName) => !isDnsName(dnsName));
      return bad === undefined ? undefined : `"${bad.slice(0, 80)}" is not a DNS name`;
    },
  },
  {
    code: "san-other-forms",
    severity: "warning",
    source: "X509-SVID 2",
    check: ({ certificate: { extensions } }) =>
      (extensions.subjectAltName?.otherForms.length ?? 0) > 0 ? "subjectAltName has names of unread forms" : undefined,
  },
  {
    code: "basic-constraints-not-critical",
    severity: "error",
    role: "authority",
    source: "RFC 5280 4.2.1.9",
    check: ({ certificate }) =>
      certificate.extensions.basicConstraints?.critical === false ? "basicConstraints is not critical" : undefined,
  },
  {
    code: "leaf-path-length",
    severity: "error",
    role: "leaf",
    source: "RFC 5280 4.2.1.9",
    check: ({ certificate }) =>
      certificate.extensions.basicConstraints?.pathLength === undefined ? undefined : "leaf has a path length",
  },
  {
    code: "serial-not-positive",
    severity: "error",
    source: "RFC 5280 4.1.2.2",
    check: ({ certificate }) => (certificate.serialNumber <= 0n ? "serial number is not positive" : undefined),
  },
  {
    code: "serial-too-long",
    severity: "error",
    source: "RFC 5280 4.1.2.2",
    check: ({ certificate }) =>
      certificate.serialNumber >= SERIAL_NUMBER_END ? "serial number has more than 20 octets" : undefined,
  },
  {
    code: "serial-predictable",
    severity: "error",
    role: "leaf",
    source: "SR-17",
    check: ({ certificate }) =>
      certificate.serialNumber < SMALLEST_RANDOM_SERIAL
        ? "serial number is too small to be 128 random bits"
        : undefined,
  },
  {
    code: "validity-order",
    severity: "error",
    source: "RFC 5280 4.1.2.5",
    check: ({ certificate }) => (lifetimeMs(certificate) > 0 ? undefined : "notAfter is not after notBefore"),
  },
  {
    code: "validity-not-now",
    severity: "error",
    source: "SR-18",
    check: ({ certificate, now }) =>
      now && !(now >= certificate.notBefore && now <= certificate.notAfter)
        ? "not valid at the time of issuance"
        : undefined,
  },
  {
    code: "validity-too-long",
    severity: "error",
    role: "leaf",
    source: "SR-18, istio-security 5.5",
    check: ({ certificate, maxLifetimeSeconds = MAX_LEAF_LIFETIME_SECONDS }) =>
      lifetimeMs(certificate) > maxLifetimeSeconds * 1000 + SKEW_MS
        ? `lifetime of ${Math.round(lifetimeMs(certificate) / DAY_MS)} days is too long`
        : undefined,
  },
  {
    code: "validity-outlives-issuer",
    severity: "error",
    source: "SR-18",
    check: ({ certificate, issuer }) =>
      issuer && certificate.notAfter > issuer.notAfter ? "outlives its issuer" : undefined,
  },
  {
    code: "issuer-empty",
    severity: "error",
    source: "RFC 5280 4.1.2.4",
    check: ({ certificate }) => (certificate.issuer.isEmpty ? "issuer is empty" : undefined),
  },
  {
    code: "issuer-name-mismatch",
    severity: "error",
    source: "RFC 5280 6.1.3 (a) (4)",
    check: ({ certificate, issuer }) =>
      issuer && !equalBytes(certificate.issuer.der, issuer.subject.der)
        ? "issuer is not the issuer's subject"
        : undefined,
  },
  {
    code: "issuer-cannot-sign",
    severity: "error",
    source: "RFC 5280 6.1.4 (k), (n)",
    check: ({ issuer }) => {
      if (!issuer) return undefined;
      const { basicConstraints, keyUsage } = issuer.extensions;
      const mayBe = basicConstraints?.ca && (!keyUsage || keyUsage.usages.has("keyCertSign"));
      return mayBe ? undefined : "issuer may not sign certificates";
    },
  },
  {
    code: "issuer-path-length",
    severity: "error",
    role: "authority",
    source: "RFC 5280 6.1.4 (l), (m)",
    check: ({ certificate, issuer }) => {
      const limit = issuer && !isSelfIssued(certificate) ? issuer.extensions.basicConstraints?.pathLength : undefined;
      return limit === 0 ? "issuer's path length leaves no room for a signing certificate" : undefined;
    },
  },
  {
    code: "authority-key-id-missing",
    severity: "error",
    source: "RFC 5280 4.2.1.1",
    check: ({ certificate }) =>
      certificate.extensions.authorityKeyId || isSelfIssued(certificate) ? undefined : "no authorityKeyIdentifier",
  },
  {
    code: "authority-key-id-mismatch",
    severity: "error",
    source: "RFC 5280 4.2.1.1",
    check: ({ certificate, issuer }) => {
      const [ours, theirs] = [certificate.extensions.authorityKeyId, issuer?.extensions.subjectKeyId];
      return ours && theirs && !equalBytes(ours, theirs)
        ? "authorityKeyIdentifier is not the issuer's subjectKeyIdentifier"
        : undefined;
    },
  },
  {
    code: "subject-key-id-missing",
    severity: "error",
    role: "authority",
    source: "RFC 5280 4.2.1.2",
    check: ({ certificate }) => (certificate.extensions.subjectKeyId ? undefined : "no subjectKeyIdentifier"),
  },
  {
    code: "leaf-subject-key-id-missing",
    severity: "warning",
    role: "leaf",
    source: "RFC 5280 4.2.1.2",
    check: ({ certificate }) => (certificate.extensions.subjectKeyId ? undefined : "no subjectKeyIdentifier"),
  },
  {
    code: "key-id-critical",
    severity: "error",
    source: "RFC 5280 4.2.1.1, 4.2.1.2",
    check: ({ certificate }) =>
      certificate.extensions.raw.some(
        ({ oid, critical }) => critical && (oid === OID.authorityKeyIdentifier || oid === OID.subjectKeyIdentifier),
      )
        ? "key identifier is critical"
        : undefined,
  },
  {
    code: "signature-algorithm-unsupported",
    severity: "error",
    source: "SR-20",
    check: ({ certificate }) =>
      signatureAlgorithmName(certificate.signatureAlgorithm) ? undefined : "signature algorithm is not supported",
  },
  {
    code: "signature-algorithm-mismatch",
    severity: "error",
    source: "SR-20",
    check: ({ certificate, issuer }) => {
      if (!issuer) return undefined;
      try {
        const { kind } = checkPublicKeyPolicy(issuer.spki);
        const fits = signatureAlgorithmFits(certificate.signatureAlgorithm, kind);
        return fits ? undefined : "signature algorithm does not fit the issuer's key";
      } catch (error) {
        return `issuer's key: ${errorText(error)}`;
      }
    },
  },
  {
    code: "public-key-policy",
    severity: "error",
    source: "SR-16",
    check: ({ certificate }) => {
      try {
        checkPublicKeyPolicy(certificate.spki);
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    },
  },
  {
    code: "public-key-is-issuers",
    severity: "error",
    role: "leaf",
    source: "SR-16",
    check: ({ certificate, issuer }) =>
      issuer && equalBytes(certificate.spki, issuer.spki) ? "public key is the issuer's" : undefined,
  },
  {
    code: "critical-extension-unknown",
    severity: "error",
    source: "RFC 5280 4.2",
    check: ({ certificate }) => {
      const [oid] = certificate.extensions.unknownCritical;
      return oid === undefined ? undefined : `critical extension ${oid} is not known`;
    },
  },
  {
    code: "leaf-extension-unexpected",
    severity: "error",
    role: "leaf",
    source: "SR-14",
    check: ({ certificate }) => {
      const other = certificate.extensions.raw.find(({ oid }) => !LEAF_EXTENSIONS.includes(oid));
      return other === undefined ? undefined : `extension ${other.oid} has no place in a leaf`;
    },
  },
  {
    code: "name-constraints-violated",
    severity: "error",
    source: "RFC 5280 4.2.1.10",
    check: ({ certificate: { subject, extensions }, issuer }) => {
      const constraints = issuer?.extensions.nameConstraints;
      const names = { subject, subjectAltName: extensions.subjectAltName };
      return constraints && nameConstraintViolation(constraints, names, { left: 100_000 });
    },
  },
  {
    code: "encoding",
    severity: "error",
    source: "X.690 10, 11",
    check: ({ certificate }) => certificate.extensions.deviations[0],
  },
];

function lifetimeMs(certificate: TbsCertificate): number {
  return certificate.notAfter.getTime() - certificate.notBefore.getTime();
}

function isSelfIssued(certificate: TbsCertificate): boolean {
  return equalBytes(certificate.subject.der, certificate.issuer.der);
}

/** Letters, digits, inner hyphens; a wildcard only as the whole first label. */
function isDnsName(dnsName: string): boolean {
  const host = dnsName.startsWith("*.") ? dnsName.slice(2) : dnsName;
  if (host !== dnsName && !host.includes(".")) return false;
  return host.length <= 253 && host.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
}
