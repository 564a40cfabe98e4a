import type { ConnectionAttributes, Decision, DenyDecision, RequestAttributes } from "@symbolon/policy";
import type { AuthorizationRecord, DenialRecord, DeniedRequest, DryRunRecord } from "../telemetry/index.ts";
import type { LocalReply } from "./http-service.ts";

/** Istio's text, to the letter (istio-security §3.16). */
const DENIED_BODY = "RBAC: access denied";

/** Response code details, as Envoy writes them. */
export function denialDetail({ reason, by }: DenyDecision): string {
  if (reason === "path_refused") return "path_normalization_failed";
  return `rbac_access_denied_matched_policy[${by?.policyId.replaceAll(" ", "_") ?? "none"}]`;
}

/** What the client is told: that it was refused, and nothing of the policies. */
export function denialReply(decision: DenyDecision): LocalReply {
  const detail = denialDetail(decision);
  if (decision.reason === "path_refused") return { status: 400, flag: "DPE", detail };
  return { status: 403, flag: "RBAC", detail, body: DENIED_BODY };
}

const records = new WeakMap<Decision, AuthorizationRecord>();

/** Decisions are mostly shared objects, and so are their records. */
export function authorizationRecord(decision: Decision): AuthorizationRecord {
  const known = records.get(decision);
  if (known) return known;
  const { by, audit, shadow } = decision;
  const made: AuthorizationRecord = Object.freeze({
    outcome: decision.outcome === "allow" ? "allowed" : "denied",
    reason: decision.reason,
    ...(by ? { policy: by.policyId } : {}),
    ...(audit ? { audit: true as const } : {}),
    ...(shadow
      ? {
          dryRun: {
            ...(shadow.allow ? { allow: dryRunRecord(shadow.allow) } : {}),
            ...(shadow.deny ? { deny: dryRunRecord(shadow.deny) } : {}),
          },
        }
      : {}),
  });
  records.set(decision, made);
  return made;
}

function dryRunRecord({ result, by }: NonNullable<NonNullable<Decision["shadow"]>["allow"]>): DryRunRecord {
  return by ? { result, policy: by.policyId } : { result };
}

export interface DenialFacts {
  readonly what: DenialRecord["what"];
  readonly decision: DenyDecision;
  readonly connection: ConnectionAttributes;
  readonly request?: RequestAttributes;
  readonly requestId?: string;
}

type Context = Pick<DenialRecord, "time" | "configVersion" | "workload" | "connectionId">;

export function denialRecord(context: Context, facts: DenialFacts): DenialRecord {
  const { what, decision, connection, request, requestId } = facts;
  const { by, reason } = decision;
  const { peerSpiffeId, sourceAddress, destinationAddress, destinationPort, sni } = connection;
  return {
    ...context,
    what,
    reason,
    detail: denialDetail(decision),
    ...(requestId === undefined ? {} : { requestId }),
    ...(by ? { rule: { ...by.policy, ruleIndex: by.ruleIndex } } : {}),
    connection: {
      sourceAddress,
      destinationAddress,
      destinationPort,
      ...(peerSpiffeId === undefined ? {} : { peerSpiffeId }),
      ...(sni === undefined ? {} : { sni: sni.slice(0, MAX_NAME) }),
    },
    ...(request ? { request: deniedRequest(request) } : {}),
  };
}

const MAX_NAME = 255;
const MAX_PATH = 2048;
const MAX_HEADERS = 8192;
const MAX_CLAIMS = 4096;
/** Whoever reads denials must not be able to do as others. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "x-api-key"]);

function deniedRequest({ method, path, host, headers, claims }: RequestAttributes): DeniedRequest {
  const cut: string[] = [];
  const kept: (readonly [string, string])[] = [];
  let left = MAX_HEADERS;
  for (const [name, values] of headers) {
    for (const value of values) {
      const isSecret = SECRET_FIELDS.has(name);
      const shown = isSecret ? "" : value;
      left -= name.length + shown.length;
      if (left < 0) break;
      if (isSecret && !cut.includes(name)) cut.push(name);
      kept.push([name, shown]);
    }
  }
  if (left < 0) cut.push("headers");
  if (path.length > MAX_PATH) cut.push("path");
  const hasClaims = claims !== undefined && JSON.stringify(claims).length <= MAX_CLAIMS;
  if (claims !== undefined && !hasClaims) cut.push("claims");
  return {
    method,
    path: path.slice(0, MAX_PATH),
    host: host.slice(0, MAX_NAME),
    headers: kept,
    ...(hasClaims ? { claims } : {}),
    ...(cut.length > 0 ? { cut } : {}),
  };
}
