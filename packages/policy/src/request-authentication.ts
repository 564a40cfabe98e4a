import type { SourcePosition } from "./document/index.ts";
import type { WorkloadSelector } from "./selector.ts";
import type { PolicyTargetReference } from "./target-reference.ts";

/** Which end-user tokens a workload accepts: Istio's `security.istio.io` RequestAuthentication (istio-security §2). */
export interface RequestAuthentication {
  readonly kind: "RequestAuthentication";
  readonly namespace: string;
  readonly name: string;
  readonly creationTimestamp?: Date;
  readonly position: SourcePosition;
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
  /** Empty: no effect. */
  readonly jwtRules: readonly JwtRule[];
}

export interface JwtRule {
  readonly position: SourcePosition;
  /** Exact `iss`; empty: any, which is legal with a `jwksUri` alone. */
  readonly issuer: string;
  /** Empty: any audience. */
  readonly audiences: readonly string[];
  readonly jwksUri?: string;
  /** Inline JWK set, JSON text. */
  readonly jwks?: string;
  readonly fromHeaders: readonly JwtHeader[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders: readonly ClaimToHeader[];
  readonly forwardOriginalToken: boolean;
  /** `presence: REQUIRED`: a request without any token is refused. Absent: it is let in. */
  readonly isTokenRequired?: true;
  /** For fetching the JWK set. */
  readonly timeoutMs: number;
  /** As written; `permission` and `scope` are always added (istio-security §2.6). */
  readonly spaceDelimitedClaims: readonly string[];
}

export interface JwtHeader {
  readonly name: string;
  /** Empty: the whole value. */
  readonly prefix: string;
}

export interface ClaimToHeader {
  readonly header: string;
  /** `.` goes into nested objects. */
  readonly claim: string;
}
