import { errorText } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import type { TbsCertificate } from "./certificate.ts";
import type { LintRule } from "./lint-certificate.ts";
import { OID } from "./oid.ts";

const LEAF_USAGES: readonly string[] = ["digitalSignature", "keyEncipherment", "keyAgreement"];
const AUTHORITY_USAGES: readonly string[] = ["keyCertSign", "cRLSign", "digitalSignature"];
const SVID_PURPOSES: readonly string[] = [OID.serverAuth, OID.clientAuth];

/** X509-SVID, and SPIFFE-ID through the parser. */
export const SPIFFE_RULES: readonly LintRule[] = [
  {
    code: "uri-san-missing",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 2",
    check: ({ certificate }) => (urisOf(certificate).length === 0 ? "no URI SAN" : undefined),
  },
  {
    code: "authority-uri-san-missing",
    severity: "warning",
    role: "authority",
    source: "X509-SVID 3.2",
    check: ({ certificate }) => (urisOf(certificate).length === 0 ? "signing certificate has no SPIFFE ID" : undefined),
  },
  {
    code: "uri-san-several",
    severity: "error",
    source: "X509-SVID 2",
    check: ({ certificate }) => (urisOf(certificate).length > 1 ? "more than one URI SAN" : undefined),
  },
  {
    code: "spiffe-id-invalid",
    severity: "error",
    source: "SPIFFE-ID 2",
    check: ({ certificate }) => {
      for (const uri of urisOf(certificate)) {
        try {
          SpiffeId.parse(uri);
        } catch (error) {
          return `URI SAN "${uri.slice(0, 80)}": ${errorText(error)}`;
        }
      }
      return undefined;
    },
  },
  {
    code: "spiffe-id-path-missing",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 3.1",
    check: ({ spiffeId }) => (spiffeId?.path === "" ? "SPIFFE ID of a leaf has no path" : undefined),
  },
  {
    code: "authority-spiffe-id-path",
    severity: "error",
    role: "authority",
    source: "X509-SVID 3.2",
    check: ({ spiffeId }) =>
      (spiffeId?.path ?? "") === "" ? undefined : "SPIFFE ID of a signing certificate has a path",
  },
  {
    code: "spiffe-id-unexpected",
    severity: "error",
    source: "SR-14",
    check: ({ certificate, expectedSpiffeId }) => {
      if (!expectedSpiffeId) return undefined;
      const [uri] = urisOf(certificate);
      return uri === expectedSpiffeId.toString()
        ? undefined
        : `SPIFFE ID is "${uri}", wanted "${expectedSpiffeId.toString()}"`;
    },
  },
  {
    code: "issuer-trust-domain",
    severity: "warning",
    source: "X509-SVID 3.2",
    check: ({ spiffeId, issuer }) => {
      const theirs = issuer && spiffeIdIn(issuer);
      return spiffeId && theirs && !spiffeId.memberOf(theirs.trustDomain)
        ? "issuer is of another trust domain"
        : undefined;
    },
  },
  {
    code: "basic-constraints-missing",
    severity: "error",
    source: "X509-SVID 4.1, spiffe.md X9",
    check: ({ certificate }) => (certificate.extensions.basicConstraints ? undefined : "no basicConstraints"),
  },
  {
    code: "leaf-is-ca",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 4.1",
    check: ({ certificate }) => (certificate.extensions.basicConstraints?.ca ? "leaf has cA=TRUE" : undefined),
  },
  {
    code: "authority-is-not-ca",
    severity: "error",
    role: "authority",
    source: "X509-SVID 4.1",
    check: ({ certificate }) =>
      certificate.extensions.basicConstraints?.ca === false ? "signing certificate has cA=FALSE" : undefined,
  },
  {
    code: "key-usage-missing",
    severity: "error",
    source: "X509-SVID 4.3",
    check: ({ certificate }) => (certificate.extensions.keyUsage ? undefined : "no keyUsage"),
  },
  {
    code: "key-usage-not-critical",
    severity: "error",
    source: "X509-SVID 4.3",
    check: ({ certificate }) =>
      certificate.extensions.keyUsage?.critical === false ? "keyUsage is not critical" : undefined,
  },
  {
    code: "leaf-digital-signature",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 4.3",
    check: ({ certificate: { extensions } }) =>
      extensions.keyUsage && !extensions.keyUsage.usages.has("digitalSignature")
        ? "leaf has no digitalSignature"
        : undefined,
  },
  {
    code: "leaf-key-usage",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 4.3",
    check: ({ certificate }) => otherUsages(certificate, LEAF_USAGES),
  },
  {
    code: "authority-key-cert-sign",
    severity: "error",
    role: "authority",
    source: "X509-SVID 4.3",
    check: ({ certificate: { extensions } }) =>
      extensions.keyUsage && !extensions.keyUsage.usages.has("keyCertSign")
        ? "signing certificate has no keyCertSign"
        : undefined,
  },
  {
    code: "authority-key-usage",
    severity: "error",
    role: "authority",
    source: "X509-SVID 4.3",
    check: ({ certificate }) => otherUsages(certificate, AUTHORITY_USAGES),
  },
  {
    code: "authority-digital-signature",
    severity: "warning",
    role: "authority",
    source: "X509-SVID appendix A",
    check: ({ certificate }) =>
      certificate.extensions.keyUsage?.usages.has("digitalSignature")
        ? "signing certificate has digitalSignature"
        : undefined,
  },
  {
    code: "ext-key-usage-missing",
    severity: "warning",
    role: "leaf",
    source: "X509-SVID 4.4",
    check: ({ certificate }) => (certificate.extensions.extKeyUsage ? undefined : "no extKeyUsage"),
  },
  {
    code: "ext-key-usage-incomplete",
    severity: "error",
    role: "leaf",
    source: "X509-SVID 4.4",
    check: ({ certificate: { extensions } }) =>
      extensions.extKeyUsage && !SVID_PURPOSES.every((purpose) => extensions.extKeyUsage?.purposes.includes(purpose))
        ? "extKeyUsage lacks serverAuth or clientAuth"
        : undefined,
  },
  {
    code: "ext-key-usage-other",
    severity: "error",
    role: "leaf",
    source: "SR-14",
    check: ({ certificate }) => {
      const other = certificate.extensions.extKeyUsage?.purposes.find((purpose) => !SVID_PURPOSES.includes(purpose));
      return other === undefined ? undefined : `extKeyUsage has ${other}`;
    },
  },
  {
    code: "authority-ext-key-usage",
    severity: "warning",
    role: "authority",
    source: "X509-SVID 4.4",
    check: ({ certificate }) =>
      certificate.extensions.extKeyUsage ? "signing certificate has extKeyUsage, which some verifiers nest" : undefined,
  },
];

function urisOf(certificate: TbsCertificate): readonly string[] {
  return certificate.extensions.subjectAltName?.uris ?? [];
}

/** Of a certificate with a readable one; the rules for unreadable and missing ones are others. */
export function spiffeIdIn(certificate: TbsCertificate): SpiffeId | undefined {
  const [uri] = urisOf(certificate);
  try {
    return uri === undefined ? undefined : SpiffeId.parse(uri);
  } catch {
    return undefined;
  }
}

function otherUsages(certificate: TbsCertificate, allowed: readonly string[]): string | undefined {
  const other = [...(certificate.extensions.keyUsage?.usages ?? [])].filter((usage) => !allowed.includes(usage));
  return other.length > 0 ? `keyUsage has ${other.join(", ")}` : undefined;
}
