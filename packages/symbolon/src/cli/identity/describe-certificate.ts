import { toHex } from "@symbolon/spiffe/core";
import { type Certificate, lintCertificate } from "@symbolon/spiffe/x509";
import { printable } from "../printable.ts";
import { isoSeconds, relativeTo } from "./times.ts";

/** One certificate for people and for `-o json`. */
export interface CertificateDescription {
  readonly role: "leaf" | "authority";
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly key: string;
  readonly keyUsages: readonly string[];
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: string;
  /** What X509-SVID and RFC 5280 would not have like this. */
  readonly findings: readonly { readonly severity: string; readonly code: string; readonly message: string }[];
}

/** @param role as which it is judged: what stands first in a chain is a leaf, also when it claims to be an authority */
export function describeCertificate(certificate: Certificate, role: "leaf" | "authority"): CertificateDescription {
  const { extensions, subject, issuer, serialNumberHex, notBefore, notAfter } = certificate;
  const { subjectAltName, keyUsage, subjectKeyId, authorityKeyId } = extensions;
  return {
    role,
    uris: subjectAltName?.uris ?? [],
    dnsNames: subjectAltName?.dnsNames ?? [],
    subject: subject.text,
    issuer: issuer.text,
    serialNumber: serialNumberHex,
    notBefore: isoSeconds(notBefore),
    notAfter: isoSeconds(notAfter),
    key: keyText(certificate),
    keyUsages: [...(keyUsage?.usages ?? [])],
    ...(subjectKeyId ? { subjectKeyId: toHex(subjectKeyId) } : {}),
    ...(authorityKeyId ? { authorityKeyId: toHex(authorityKeyId) } : {}),
    findings: lintCertificate(certificate, { role }).map(({ severity, code, message }) => ({
      severity,
      code,
      message,
    })),
  };
}

/** Lines of "name  value", for a terminal. */
export function certificateLines(described: CertificateDescription, now: Date): readonly string[] {
  const { uris, dnsNames, subject, issuer, serialNumber, notBefore, notAfter, key, keyUsages, findings } = described;
  const rows: readonly (readonly [string, string])[] = [
    ["SPIFFE ID", uris.length === 0 ? "none" : uris.join(", ")],
    ...(dnsNames.length === 0 ? [] : ([["DNS names", dnsNames.join(", ")]] as const)),
    ["subject", subject || "empty"],
    ["issuer", issuer || "empty"],
    ["serial number", serialNumber],
    ["valid from", `${notBefore} (${relativeTo(new Date(notBefore), now)})`],
    ["valid to", `${notAfter} (${relativeTo(new Date(notAfter), now)})`],
    ["key", `${key}${keyUsages.length === 0 ? "" : `, for ${keyUsages.join(", ")}`}`],
    ...findings.map(({ severity, code, message }) => [severity, `${message} [${code}]`] as const),
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(14)} ${printable(value)}`);
}

export function keyText({ publicKey }: Pick<Certificate, "publicKey">): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey;
  const { namedCurve, modulusLength } = asymmetricKeyDetails ?? {};
  return [asymmetricKeyType, namedCurve ?? modulusLength].filter((part) => part !== undefined).join(" ");
}
