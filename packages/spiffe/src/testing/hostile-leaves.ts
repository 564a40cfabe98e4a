import type { SpiffeErrorCode } from "../core/index.ts";
import { certificatesToPem, OID } from "../x509/index.ts";
import { createTestAuthority, type IssuedTestCertificate, type TestAuthority } from "./test-authority.ts";

/** What somebody might show in a handshake who must not come in, as `node:tls` takes it. */
export interface HostileLeaf {
  readonly what: string;
  /** Code of the refusal, or of the cause that it names. */
  readonly code: SpiffeErrorCode;
  readonly key: string;
  readonly cert: string;
}

const LONG_AGO = new Date("2021-01-01T00:00:00Z");
const JUST_PAST = new Date("2022-01-01T00:00:00Z");
const FAR_OFF = new Date("2040-01-01T00:00:00Z");

/**
 * Certificates signed by `authority` with one mistake each, and good ones of authorities that nobody trusts: what every
 * relying party must refuse (X509-SVID §5; spiffe.md §2.2). Dates are wrong for every clock between 2022 and 2040.
 * @param spiffeId of an accepted peer, in the authority's trust domain
 */
export function hostileLeaves(authority: TestAuthority, spiffeId: string): readonly HostileLeaf[] {
  const uris = [spiffeId];
  const namesake = createTestAuthority(authority.trustDomain);
  const stranger = createTestAuthority("stranger.test");
  const purposes = { keyUsage: ["digitalSignature"], extKeyUsage: [OID.serverAuth, OID.clientAuth] } as const;
  const make = (what: string, code: SpiffeErrorCode, issued: IssuedTestCertificate): HostileLeaf => ({
    what,
    code,
    key: issued.keyPair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: certificatesToPem(issued.chain),
  });
  const own = (options: Parameters<TestAuthority["issueCertificate"]>[0]) => authority.issueCertificate(options);
  return [
    make("expired", "ERR_X509_EXPIRED", own({ uris, notBefore: LONG_AGO, notAfter: JUST_PAST })),
    make("not yet valid", "ERR_X509_NOT_YET_VALID", own({ uris, notBefore: FAR_OFF })),
    make("CA as leaf", "ERR_SVID_LEAF_CA", own({ uris, ca: true, keyUsage: ["digitalSignature", "keyCertSign"] })),
    make(
      "leaf that may sign",
      "ERR_SVID_LEAF_KEY_CERT_SIGN",
      own({ uris, keyUsage: ["digitalSignature", "keyCertSign"] }),
    ),
    make("two URI SANs", "ERR_SVID_SEVERAL_URI_SANS", own({ uris: [spiffeId, `${spiffeId}/other`] })),
    make("the same URI SAN twice", "ERR_SVID_SEVERAL_URI_SANS", own({ uris: [spiffeId, spiffeId] })),
    make("no URI SAN", "ERR_SVID_NO_URI_SAN", own({ ...purposes, uris: [], dnsNames: ["localhost"] })),
    make("ID without path", "ERR_SVID_PATH_MISSING", own({ uris: [authority.trustDomain.id().toString()] })),
    make("same trust domain, unknown authority", "ERR_SVID_UNTRUSTED", namesake.issueCertificate({ uris })),
    make("unknown trust domain", "ERR_BUNDLE_NOT_FOUND", stranger.issueCertificate()),
    make("our trust domain, signed by another's", "ERR_SVID_UNTRUSTED", stranger.issueCertificate({ uris })),
  ];
}
