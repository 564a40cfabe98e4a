import {
  type AuthenticatedRequest,
  type AuthorizationPolicy,
  type CompiledAuthorization,
  compileAuthorization,
  type JwtClaims,
  type PathNormalization,
  type RequestChanges,
} from "@symbolon/policy/enforcement";
import { type ProxyConfig, policyText, type RequestAuthenticationConfig, tokensText } from "../mesh/data-plane.ts";
import type { LocalReply } from "./http-service.ts";

/** What becomes of a request's tokens, before AUDIT, DENY and ALLOW (istio-security §3.3). */
export type TokenOutcome =
  | { readonly kind: "passed"; readonly claims?: JwtClaims; readonly changes?: RequestChanges }
  | {
      readonly kind: "refused";
      readonly reply: LocalReply;
      /** For `x-symbolon-reason`. */
      readonly reason: string;
      /** Without the tokens in its query: what the record may say. */
      readonly path: string;
    };

/** Pure but for the clock: the keys are part of the configuration. */
export type AuthenticateTokens = (request: AuthenticatedRequest) => TokenOutcome;

/** Everything that policies say of one workload: compiled once a change, immutable, swapped as a whole. */
export interface WorkloadPolicy {
  /** Of the configuration that it was compiled from first. */
  readonly configVersion: number;
  readonly workload: { readonly namespace: string; readonly podName: string; readonly podUid: string };
  /** Absent: no AuthorizationPolicy attaches, and everything is allowed. */
  readonly authorization?: CompiledAuthorization;
  /** Absent: no token is looked at. */
  readonly authenticate?: AuthenticateTokens;
  /** A condition looks at header fields, which are known at the start of a request only. */
  readonly readsHeaders: boolean;
  readonly pathNormalization: PathNormalization;
}

/** The policies in force. */
export interface PolicyInForce {
  readonly current: WorkloadPolicy;
  /** True: they are others than before. @throws ERR_POLICY_INVALID; what was in force stays */
  update(config: ProxyConfig): boolean;
}

/** @param compileTokens of the configuration's RequestAuthentications; absent: none are looked at */
export function createPolicyInForce(
  compileTokens?: (config: ProxyConfig) => AuthenticateTokens | undefined,
): PolicyInForce {
  let source: ProxyConfig | undefined;
  let current: WorkloadPolicy | undefined;
  return {
    get current() {
      // INVARIANT: connections are accepted only after the first configuration.
      if (!current) throw new TypeError("no policy is in force yet");
      return current;
    },
    update(config) {
      const isChanged = source === undefined || !samePolicies(source, config);
      if (isChanged) current = compile(config, compileTokens?.(config));
      source = config;
      return isChanged;
    },
  };
}

/**
 * What is equal compiles to equal policies; what a change has left as it was is the same object, and after a new
 * connection to the control plane it has the same text. Whatever else of a configuration tokens depend on has to be here.
 */
function samePolicies(a: ProxyConfig, b: ProxyConfig): boolean {
  return (
    a.mesh.trustDomain === b.mesh.trustDomain &&
    a.mesh.pathNormalization === b.mesh.pathNormalization &&
    sameList(a.mesh.trustDomainAliases, b.mesh.trustDomainAliases, String) &&
    sameList(a.local.authorizationPolicies, b.local.authorizationPolicies, policyText) &&
    sameList(tokensIn(a), tokensIn(b), tokensText)
  );
}

function tokensIn({ local: { requestAuthentication } }: ProxyConfig): readonly RequestAuthenticationConfig[] {
  return requestAuthentication ? [requestAuthentication] : [];
}

function sameList<Element>(
  a: readonly Element[],
  b: readonly Element[],
  textOf: (element: Element) => string,
): boolean {
  const isSame = (element: Element, other: Element): boolean => element === other || textOf(element) === textOf(other);
  return a === b || (a.length === b.length && a.every((element, index) => isSame(element, b[index] as Element)));
}

function compile({ version, local, mesh }: ProxyConfig, authenticate: AuthenticateTokens | undefined): WorkloadPolicy {
  const { authorizationPolicies, namespace, podName, podUid } = local;
  const { trustDomain, trustDomainAliases, pathNormalization } = mesh;
  return {
    configVersion: version,
    workload: { namespace, podName, podUid },
    ...(authorizationPolicies.length === 0
      ? {}
      : {
          authorization: compileAuthorization(authorizationPolicies, {
            trustDomain,
            trustDomainAliases,
            pathNormalization,
          }),
        }),
    ...(authenticate ? { authenticate } : {}),
    readsHeaders: authorizationPolicies.some(readsHeaders),
    pathNormalization,
  };
}

function readsHeaders({ rules }: AuthorizationPolicy): boolean {
  return rules.some(({ when }) => when.some(({ key }) => key.startsWith("request.headers[")));
}
