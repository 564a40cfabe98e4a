/**
 * One refusal by policy, with everything that explains it later. JSON-safe and of limited size: `cut` names what is
 * shorter or other than it was.
 */
export interface DenialRecord {
  /** RFC 3339. */
  readonly time: string;
  /** revoked: it was allowed, and a change of policy ended it. */
  readonly what: "connection" | "request" | "revoked";
  /** Of the configuration that decided. */
  readonly configVersion: number;
  /** The workload that was called. */
  readonly workload: { readonly namespace: string; readonly podName: string; readonly podUid: string };
  /** `id` of the connection's record, in that proxy. */
  readonly connectionId: number;
  readonly requestId?: string;
  /** Stable code of the engine, or `jwt_refused`. */
  readonly reason: string;
  /** Envoy's response code details: `rbac_access_denied_matched_policy[…]`. */
  readonly detail: string;
  readonly rule?: DenyingRule;
  readonly connection: DeniedConnection;
  /** Absent: it was decided as TCP. */
  readonly request?: DeniedRequest;
}

export interface DenyingRule {
  readonly namespace: string;
  readonly name: string;
  readonly ruleIndex: number;
}

/** In the names of `ConnectionAttributes` of `@symbolon/policy`. */
export interface DeniedConnection {
  readonly peerSpiffeId?: string;
  readonly sourceAddress: string;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly sni?: string;
}

/** In the names of `RequestAttributes` of `@symbolon/policy`. */
export interface DeniedRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of the verified token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** "path", "headers", "claims", or the name of a field whose value is a secret; absent: nothing. */
  readonly cut?: readonly string[];
}
