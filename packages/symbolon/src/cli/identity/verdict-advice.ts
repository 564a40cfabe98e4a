/** Which rule a verifier's code stands for, and what helps. Keys are the most precise code of a refusal. */
export interface Advice {
  readonly rule: string;
  readonly next: string;
}

const NEW_SVID = "get a new SVID from the Workload API; one that is renewed in time never ends";
const ISSUER = 'the issuer must not issue such certificates: look at it with "symbolon svid inspect"';
const CLOCKS = "compare the clock of this machine with the issuer's";
const SIGNING = "X509-SVID §3.2 and §4: who signs is a CA and may sign certificates";
const LEAF_USAGE = "X509-SVID §4.3: a leaf has digitalSignature, and signs no certificates";

const ADVICE: Readonly<Record<string, Advice>> = {
  ERR_SVID_NO_URI_SAN: {
    rule: "X509-SVID §2: exactly one URI SAN",
    next: "this is no X.509-SVID: use one of the Workload API",
  },
  ERR_SVID_SEVERAL_URI_SANS: { rule: "X509-SVID §2: exactly one URI SAN", next: ISSUER },
  ERR_SVID_SPIFFE_ID_INVALID: {
    rule: "SPIFFE ID §2: scheme, trust domain and path",
    next: "the issuer must use a valid SPIFFE ID",
  },
  ERR_SVID_PATH_MISSING: {
    rule: "X509-SVID §5.2: a workload's ID has a path",
    next: "this is the ID of a trust domain: show the leaf, not the authority",
  },
  ERR_SVID_LEAF_CA: {
    rule: "X509-SVID §4.1 and §5.2: a leaf is no CA",
    next: "show the leaf first, and authorities behind it",
  },
  ERR_SVID_LEAF_KEY_CERT_SIGN: { rule: LEAF_USAGE, next: ISSUER },
  ERR_SVID_LEAF_CRL_SIGN: { rule: LEAF_USAGE, next: ISSUER },
  ERR_SVID_LEAF_DIGITAL_SIGNATURE: { rule: LEAF_USAGE, next: ISSUER },
  ERR_SVID_EXT_KEY_USAGE: { rule: "X509-SVID §4.4: server and client authentication, both or no limit", next: ISSUER },
  ERR_BUNDLE_NOT_FOUND: {
    rule: "Workload API §4.6: only the bundle of the SVID's own trust domain counts",
    next: "give the bundle of that trust domain, and its name with --trust-domain",
  },
  ERR_X509_EXPIRED: { rule: "RFC 5280 §6.1.3: every certificate of the path is within its validity", next: NEW_SVID },
  ERR_X509_NOT_YET_VALID: {
    rule: "RFC 5280 §6.1.3: every certificate of the path is within its validity",
    next: CLOCKS,
  },
  ERR_X509_UNKNOWN_AUTHORITY: {
    rule: "X509-SVID §5.1: a path leads to an authority of the bundle",
    next: 'see with "symbolon bundle show" whether the issuer is in the bundle, and that the chain has the intermediates',
  },
  ERR_X509_SIGNATURE_INVALID: {
    rule: "RFC 5280 §6.1.3: the issuer's key verifies the signature",
    next: "the bundle has another authority of the same name, perhaps an older one: fetch the bundle again",
  },
  ERR_X509_NOT_CA: { rule: SIGNING, next: ISSUER },
  ERR_X509_KEY_CERT_SIGN: { rule: SIGNING, next: ISSUER },
  ERR_X509_PATH_LENGTH: { rule: "RFC 5280 §4.2.1.9: no more authorities below one than it allows", next: ISSUER },
  ERR_X509_CRITICAL_EXTENSION: { rule: "RFC 5280 §4.2: unknown critical extensions are refused", next: ISSUER },
  ERR_X509_NAME_CONSTRAINTS: { rule: "RFC 5280 §4.2.1.10: names are within the authority's constraints", next: ISSUER },
  ERR_JWT_EXPIRED: { rule: "JWT-SVID §3.3: exp is later than now", next: `${CLOCKS}, or get a new token` },
  ERR_JWT_NOT_YET_VALID: { rule: "RFC 7519 §4.1.5: nbf is not later than now", next: CLOCKS },
  ERR_JWT_AUDIENCE: {
    rule: "JWT-SVID §3.2: the token is for one of the audiences",
    next: "ask the Workload API for a token of this audience",
  },
  ERR_JWT_ALGORITHM_NOT_ALLOWED: { rule: "JWT-SVID §2.1: one of nine algorithms", next: "sign with ES256 or RS256" },
  ERR_JWT_TYPE_NOT_ALLOWED: {
    rule: "JWT-SVID §2.3: typ is JWT or JOSE",
    next: "this is a token of another kind: send the JWT-SVID",
  },
  ERR_JWT_CRITICAL_HEADER: {
    rule: "RFC 7515 §4.1.11: unknown critical parameters are refused",
    next: "issue the token without crit",
  },
  ERR_JWT_CLAIM_INVALID: { rule: "JWT-SVID §3: sub, aud and exp", next: "issue the token with the claim" },
  ERR_JWT_KEY_NOT_FOUND: {
    rule: "JWT-SVID §6: a key of the trust domain's bundle signs",
    next: 'fetch the bundle again: "symbolon bundle show" lists its keys',
  },
  ERR_JWT_SIGNATURE_INVALID: {
    rule: "JWT-SVID §5: the key verifies the signature",
    next: "use the token unchanged, and the bundle of its own trust domain",
  },
  ERR_JWT_MALFORMED: { rule: "JWT-SVID §2: compact serialisation", next: "use the token as it was issued" },
  ERR_JWT_TOO_LARGE: { rule: "a token has at most 16 Ki characters", next: "issue it with fewer claims" },
};

export function adviceFor(code: string): Advice {
  return ADVICE[code] ?? { rule: code, next: "see docs/reference/errors.md" };
}

export function hasAdvice(code: string): boolean {
  return code in ADVICE;
}
