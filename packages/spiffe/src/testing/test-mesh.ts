import { BundleSet } from "../bundle/index.ts";
import { type Clock, systemClock, type Timer } from "../core/index.ts";
import type { TrustDomain } from "../id/index.ts";
import { createX509SourceFeed, type X509Source } from "../source/index.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createTestAuthority, type TestAuthority } from "./test-authority.ts";

/** Identities without an agent, in memory: for tests of programs that speak mutual TLS by SPIFFE ID. */
export interface TestMesh extends AsyncDisposable {
  readonly trustDomain: TrustDomain;
  /** Signs every identity of the mesh; a test may have it sign wrong ones too. */
  readonly authority: TestAuthority;
  /** Starts at the real time and stands still: for the option `clock` of what is under test. */
  readonly clock: Clock;
  /** A source with this identity, such as `/ns/a/sa/web`; its certificate is renewed at 75 % of its life by `clock`. */
  identity(path: string): X509Source;
  /** Lets `ms` milliseconds pass on `clock`, with the renewals that fall due. */
  advance(ms: number): Promise<void>;
  /** Another mesh's authorities are trusted from now on, for peers of its own trust domain (Workload API §4.6). */
  federate(other: TestMesh): void;
}

export interface TestMeshOptions {
  /** `test` without it. */
  readonly trustDomain?: string;
  /** Milliseconds that a certificate lives; 10 minutes without it. */
  readonly svidLifetimeMs?: number;
}

const DEFAULT_LIFETIME_MS = 10 * 60_000;
const AUTHORITY_LIFETIME_MS = 10 * 365 * 86_400_000;
const RENEWAL_SHARE = 0.75;

/** @throws ERR_TRUST_DOMAIN_* */
export function testMesh(options: TestMeshOptions = {}): TestMesh {
  const { trustDomain = "test", svidLifetimeMs = DEFAULT_LIFETIME_MS } = options;
  const start = systemClock.now();
  const clock = createFakeClock(start);
  const authority = createTestAuthority(trustDomain, {
    notBefore: new Date(start.getTime() - 60_000),
    notAfter: new Date(start.getTime() + AUTHORITY_LIFETIME_MS),
  });
  let bundles = BundleSet.of(authority.bundle);
  const renewals = new Set<() => void>();
  const sources: X509Source[] = [];

  return {
    trustDomain: authority.trustDomain,
    authority,
    clock,
    identity(path) {
      let timer: Timer | undefined;
      const renew = (): void => {
        const now = clock.now().getTime();
        const svid = authority.issue(path, {
          notBefore: new Date(now - 1000),
          notAfter: new Date(now + svidLifetimeMs),
        });
        feed.set({ svid, svids: [{ svid, hint: "" }], bundles, crls: [] });
        timer?.cancel();
        timer = clock.setTimer(svidLifetimeMs * RENEWAL_SHARE, renew);
      };
      const feed = createX509SourceFeed({
        clock,
        onClose() {
          timer?.cancel();
          renewals.delete(renew);
        },
      });
      renewals.add(renew);
      sources.push(feed.source);
      renew();
      return feed.source;
    },
    advance: (ms) => clock.advance(ms),
    federate(other) {
      bundles = bundles.with(other.authority.bundle);
      for (const renew of renewals) renew();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}
