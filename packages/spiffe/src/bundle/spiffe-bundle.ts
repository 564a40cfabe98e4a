import type { TrustDomain } from "../id/index.ts";
import type { JwkSet } from "../jwt/index.ts";
import type { Certificate } from "../x509/index.ts";
import { JwtBundle } from "./jwt-bundle.ts";
import { readSpiffeBundle } from "./read-spiffe-bundle.ts";
import type { SpiffeBundleContent } from "./spiffe-bundle-content.ts";
import { writeSpiffeBundle } from "./write-spiffe-bundle.ts";
import { X509Bundle } from "./x509-bundle.ts";

/**
 * All authorities of one trust domain, as its SPIFFE bundle document has them (Trust Domain and Bundle §4). Immutable.
 * One without authorities is legal and says that nobody of the domain is to be trusted any more.
 */
export class SpiffeBundle implements SpiffeBundleContent {
  readonly trustDomain: TrustDomain;
  readonly x509Authorities: readonly Certificate[];
  readonly jwtAuthorities: JwkSet;
  readonly sequence?: number;
  readonly refreshHintSeconds?: number;
  /** The document, JSON text. */
  readonly json: string;
  readonly #x509Bundle: X509Bundle;
  readonly #jwtBundle: JwtBundle;

  private constructor(trustDomain: TrustDomain, content: SpiffeBundleContent) {
    const { sequence, refreshHintSeconds } = content;
    this.trustDomain = trustDomain;
    this.#x509Bundle = X509Bundle.fromCertificates(trustDomain, content.x509Authorities);
    this.#jwtBundle = JwtBundle.fromKeys(trustDomain, content.jwtAuthorities.keys);
    this.x509Authorities = this.#x509Bundle.x509Authorities;
    this.jwtAuthorities = this.#jwtBundle.jwtAuthorities;
    if (sequence !== undefined) this.sequence = sequence;
    if (refreshHintSeconds !== undefined) this.refreshHintSeconds = refreshHintSeconds;
    this.json = writeSpiffeBundle(this);
  }

  /** @throws ERR_BUNDLE_AUTHORITY_NOT_CA, ERR_JWT_KEY_SET_INVALID for a JWT key without `kid` and for two with the same */
  static of(trustDomain: TrustDomain, content: SpiffeBundleContent): SpiffeBundle {
    return new SpiffeBundle(trustDomain, content);
  }

  /**
   * Reads a document of whatever origin, at most 1 MiB. Entries of a `use` or `kty` that is not known are left out, and
   * so are X.509 entries without certificate (§4.2.1; X509-SVID §6.2). Wrong as a whole: what is no JSON or has a name
   * twice, no `keys`, a private or symmetric key, a key or certificate that is damaged or does not fit its entry, a JWT
   * key without `kid`, two with the same, and a sequence number or refresh hint that is no whole number.
   * @throws ERR_BUNDLE_DOCUMENT_INVALID
   */
  static parse(trustDomain: TrustDomain, document: string | Uint8Array): SpiffeBundle {
    return readSpiffeBundle(document, (content) => new SpiffeBundle(trustDomain, content));
  }

  /** For X.509-SVIDs. */
  get x509Bundle(): X509Bundle {
    return this.#x509Bundle;
  }

  /** For JWT-SVIDs. */
  get jwtBundle(): JwtBundle {
    return this.#jwtBundle;
  }

  /** Same domain, authorities, sequence number and hint. */
  equals(other: SpiffeBundle): boolean {
    return this.trustDomain.name === other.trustDomain.name && this.json === other.json;
  }
}
