import type { ConnectionAttributes, RequestAttributes } from "../attributes.ts";
import type { AuthorizationPolicy } from "../authorization-policy.ts";
import type { PathNormalization } from "../normalize-path.ts";
import { AuthorizationView, type ProviderKind } from "./authorization-view.ts";
import { AuthorizedConnection } from "./authorized-connection.ts";
import { ConnectionFacts } from "./connection-facts.ts";
import type { Decision } from "./decision.ts";
import { once } from "./once.ts";
import { type PolicyRule, rulesOfPolicy } from "./policy-rules.ts";
import { RequestFacts } from "./request-facts.ts";

export interface AuthorizationOptions {
  readonly trustDomain: string;
  readonly trustDomainAliases?: readonly string[];
  /** Istio's default is "base". */
  readonly pathNormalization?: PathNormalization;
  /** Extension providers that are configured; a CUSTOM policy that names another denies what it matches (§3.10). */
  readonly providers?: ReadonlyMap<string, ProviderKind>;
  /** Istio's `PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS`: without it several providers on one workload deny. */
  readonly allowSeveralProviders?: boolean;
}

/** Authorization of one workload: immutable, swapped as a whole when a policy changes. */
export interface CompiledAuthorization {
  /** Decides what the connection alone decides; the result lives as long as the connection. */
  connection(attributes: ConnectionAttributes): AuthorizedConnection;
}

/**
 * Compiles the policies that attach to one workload. The cost of a decision does not grow with rules that cannot match:
 * they are found by what connection and request are like (hashed values, tries, networks), never walked through.
 * @throws ERR_POLICY_INVALID for a hand-made policy that the parser would have refused.
 */
export function compileAuthorization(
  policies: Iterable<AuthorizationPolicy>,
  options: AuthorizationOptions,
): CompiledAuthorization {
  const attached = [...policies];
  const rules = inDecidingOrder(attached, options);
  const request = new RequestFacts(options.pathNormalization ?? "base");
  const view = (protocol: "http" | "tcp") =>
    once(() => new AuthorizationView(attached, rules, { ...options, protocol }));
  // Most workloads never see both kinds of connection.
  const [http, tcp] = [view("http"), view("tcp")];
  return Object.freeze({
    connection: (attributes: ConnectionAttributes) => {
      const facts = new ConnectionFacts(attributes);
      return new AuthorizedConnection(
        () => http().prepare(facts),
        () => tcp().prepare(facts),
        request,
      );
    },
  });
}

/** The decision for a request, or for the connection itself when it is not HTTP. */
export function decide(connection: AuthorizedConnection, request?: RequestAttributes): Decision {
  return connection.decide(request);
}

/**
 * "Policy names do not matter" for the outcome; where several rules match, the deciding one is the first by policy id, as
 * it is in Envoy, which keeps them in a sorted map.
 */
function inDecidingOrder(policies: readonly AuthorizationPolicy[], options: AuthorizationOptions): PolicyRule[] {
  return policies
    .flatMap((policy) => rulesOfPolicy(policy, options))
    .sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0));
}
