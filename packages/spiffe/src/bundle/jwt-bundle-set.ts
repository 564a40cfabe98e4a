import type { TrustDomain } from "../id/index.ts";
import type { JwtBundle } from "./jwt-bundle.ts";

/** One JWT bundle a trust domain, never merged (Workload API §6.3). Immutable. */
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
