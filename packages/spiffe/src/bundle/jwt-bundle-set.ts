import { spiffeError } from "../core/index.ts";
import type { TrustDomain } from "../id/index.ts";
import type { JwtBundle } from "./jwt-bundle.ts";

/** One JWT bundle a trust domain, never merged (Workload API §6.3). Immutable: `with` and `without` answer a new set. */
export class JwtBundleSet {
  readonly #byName: ReadonlyMap<string, JwtBundle>;

  private constructor(byName: ReadonlyMap<string, JwtBundle>) {
    this.#byName = byName;
  }

  /** A later bundle of the same domain takes the place of an earlier one. */
  static of(...bundles: readonly JwtBundle[]): JwtBundleSet {
    return new JwtBundleSet(new Map(bundles.map((bundle) => [bundle.trustDomain.name, bundle])));
  }

  get(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.#byName.get(trustDomain.name);
  }

  /** @throws ERR_BUNDLE_NOT_FOUND */
  require(trustDomain: TrustDomain): JwtBundle {
    const bundle = this.get(trustDomain);
    if (bundle) return bundle;
    const message = `no JWT bundle found for trust domain: "${trustDomain.name}"`;
    throw spiffeError("ERR_BUNDLE_NOT_FOUND", message, { details: { trustDomain: trustDomain.name } });
  }

  with(bundle: JwtBundle): JwtBundleSet {
    return new JwtBundleSet(new Map([...this.#byName, [bundle.trustDomain.name, bundle]]));
  }

  without(trustDomain: TrustDomain): JwtBundleSet {
    return new JwtBundleSet(new Map([...this.#byName].filter(([name]) => name !== trustDomain.name)));
  }

  get bundles(): readonly JwtBundle[] {
    return [...this.#byName.values()];
  }

  equals(other: JwtBundleSet): boolean {
    return (
      this.#byName.size === other.#byName.size &&
      this.bundles.every((bundle) => other.get(bundle.trustDomain)?.equals(bundle) === true)
    );
  }
}
