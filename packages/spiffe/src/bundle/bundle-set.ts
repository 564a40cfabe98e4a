import { spiffeError } from "../core/index.ts";
import type { TrustDomain } from "../id/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { X509Bundle } from "./x509-bundle.ts";

const nodeCrypto = builtinModule("node:crypto");

/**
 * One bundle a trust domain. Immutable: `with` and `without` answer a new set. The domains are never merged; who asks
 * for one gets that domain's authorities alone (Workload API §4.6, Federation §7.3).
 */
export class BundleSet {
  readonly #byName: ReadonlyMap<string, X509Bundle>;
  /** Hexadecimal digest of the contents: equal sets have equal generations, and any change gives another one. */
  readonly generation: string;

  private constructor(byName: ReadonlyMap<string, X509Bundle>) {
    this.#byName = byName;
    const fingerprints = [...byName.values()].map((bundle) => bundle.fingerprint).sort();
    this.generation = nodeCrypto().createHash("sha256").update(fingerprints.join("\n")).digest("hex");
  }

  /** A later bundle of the same domain takes the place of an earlier one. */
  static of(...bundles: readonly X509Bundle[]): BundleSet {
    return new BundleSet(new Map(bundles.map((bundle) => [bundle.trustDomain.name, bundle])));
  }

  get(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.#byName.get(trustDomain.name);
  }

  /** @throws ERR_BUNDLE_NOT_FOUND */
  require(trustDomain: TrustDomain): X509Bundle {
    const bundle = this.get(trustDomain);
    if (bundle) return bundle;
    const message = `no X.509 bundle found for trust domain: "${trustDomain.name}"`;
    throw spiffeError("ERR_BUNDLE_NOT_FOUND", message, { details: { trustDomain: trustDomain.name } });
  }

  with(bundle: X509Bundle): BundleSet {
    return new BundleSet(new Map([...this.#byName, [bundle.trustDomain.name, bundle]]));
  }

  without(trustDomain: TrustDomain): BundleSet {
    return new BundleSet(new Map([...this.#byName].filter(([name]) => name !== trustDomain.name)));
  }

  get bundles(): readonly X509Bundle[] {
    return [...this.#byName.values()];
  }

  equals(other: BundleSet): boolean {
    return this.generation === other.generation;
  }
}
