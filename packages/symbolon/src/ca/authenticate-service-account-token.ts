import { type Clock, isSymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId, type TrustDomain } from "@symbolon/spiffe/id";
import {
  checkJwtClaims,
  type JsonObject,
  type JsonValue,
  type JwkSet,
  type JwsAlgorithm,
  verifyJws,
} from "@symbolon/spiffe/jwt";
import { productError } from "../core/index.ts";
import type { Caller, CallerAuthenticator } from "./caller.ts";
import type { PodLookup } from "./ports.ts";
import { VerifiedServiceAccountTokens } from "./verified-service-account-tokens.ts";

/** Whose tokens count, checked offline. */
export interface TokenTrust {
  readonly issuer: string;
  /** TOKEN_AUDIENCES; a token must be for one of them and for nobody else (SR-10). */
  readonly audiences: readonly string[];
  readonly keySet: () => JwkSet;
  /** Allowance for clocks that differ (SR-11). */
  readonly leewaySeconds?: number;
}

const NAME = "service account token";
/** What Kubernetes' API server signs with; no symmetric algorithm, ever. */
const ALGORITHMS: readonly JwsAlgorithm[] = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512"];
const DEFAULT_LEEWAY_SECONDS = 60;
const SUBJECT_PREFIX = "system:serviceaccount:";

/**
 * A Kubernetes ServiceAccount token that is bound to a pod. Worth nothing once the pod is gone, or when the pod runs as
 * somebody else (SR-12). The trust domain is the server's own, never the token's (istio-security §5.2).
 */
export function createServiceAccountTokenAuthenticator(options: {
  readonly trustDomain: TrustDomain;
  readonly trust: TokenTrust;
  readonly pods: PodLookup;
  readonly clock: Clock;
}): CallerAuthenticator {
  const { trustDomain, trust, pods, clock } = options;
  const verified = new VerifiedServiceAccountTokens();

  const verify = async (token: string): Promise<Caller> => {
    const keySet = trust.keySet();
    const known = verified.find(token, keySet);
    const claims = known ?? verifyJws(token, keySet, { algorithms: ALGORITHMS }).claims;
    const caller = await judge(claims);
    if (!known) verified.add(token, keySet, claims);
    return caller;
  };

  /** All but the signature, for each call anew: time, audience, and whether the pod is still there. */
  const judge = async (claims: JsonObject): Promise<Caller> => {
    const subject = checkRegisteredClaims(claims, trust, clock.now());
    const account = parseSubject(subject);
    const pod = checkBinding(claims, account);
    const found = await pods.findPod(pod.uid);
    if (!found) throw refused(`pod "${pod.name}" with uid "${pod.uid}" does not exist`);
    if (
      found.name !== pod.name ||
      found.namespace !== account.namespace ||
      found.serviceAccount !== account.serviceAccount
    )
      throw refused(`pod "${pod.uid}" is not ${account.namespace}/${pod.name} running as "${account.serviceAccount}"`);
    return {
      spiffeId: SpiffeId.fromSegments(trustDomain, "ns", account.namespace, "sa", account.serviceAccount),
      name: subject,
      authenticator: NAME,
      details: { pod: `${account.namespace}/${pod.name}`, podUid: pod.uid },
    };
  };

  return {
    name: NAME,
    async attempt({ token }) {
      if (token === undefined) return { kind: "absent" };
      try {
        return { kind: "authenticated", caller: await verify(token.expose()) };
      } catch (error) {
        verified.remove(token.expose());
        if (!isSymbolonError(error)) throw error;
        return { kind: "refused", code: error.code, reason: error.message };
      }
    },
  };
}

function checkRegisteredClaims(claims: JsonObject, trust: TokenTrust, now: Date): string {
  const { issuer, audiences, leewaySeconds = DEFAULT_LEEWAY_SECONDS } = trust;
  // The error names the audience that is expected, not the one that was given (SR-10).
  const wrongAudience = () => refused(`token is not for "${audiences.join('" or "')}" alone`);
  try {
    const checked = checkJwtClaims(claims, { issuer, audiences, now, leewaySeconds });
    if (checked.audiences.length !== 1) throw wrongAudience();
    return checked.subject;
  } catch (error) {
    throw isSymbolonError(error) && error.code === "ERR_JWT_AUDIENCE" ? wrongAudience() : error;
  }
}

interface Account {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** `system:serviceaccount:<namespace>:<name>`, exactly four parts. */
function parseSubject(subject: string): Account {
  const [namespace, serviceAccount, ...others] = subject.startsWith(SUBJECT_PREFIX)
    ? subject.slice(SUBJECT_PREFIX.length).split(":")
    : [];
  if (!namespace || !serviceAccount || others.length > 0) throw refused("token is not a service account's");
  return { namespace, serviceAccount };
}

/** The private claims of a projected token must say the same as its subject. */
function checkBinding(claims: JsonObject, account: Account): { readonly name: string; readonly uid: string } {
  const kubernetes = member(claims, "kubernetes.io");
  const pod = member(kubernetes, "pod");
  const name = pod?.name;
  const uid = pod?.uid;
  if (typeof name !== "string" || typeof uid !== "string" || name === "" || uid === "")
    throw refused("token is not bound to a pod");
  if (
    kubernetes?.namespace !== account.namespace ||
    member(kubernetes, "serviceaccount")?.name !== account.serviceAccount
  )
    throw refused("token's kubernetes.io claims do not agree with its subject");
  return { name, uid };
}

function member(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value: JsonValue | undefined = object?.[name];
  // After null and arrays, an object of JSON is a JsonObject.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

const refused = (message: string) => productError("ERR_TOKEN_REFUSED", message);
