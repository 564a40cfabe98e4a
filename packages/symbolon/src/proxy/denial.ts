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
  /** A policy's decision, or what refused before any policy was asked, with its own words. */
  readonly decision: DenyDecision | { readonly reason: string; readonly detail: string };
  readonly connection: ConnectionAttributes;
  readonly request?: RequestAttributes;
  readonly requestId?: string;
}

type Context = Pick<DenialRecord, "time" | "configVersion" | "workload" | "connectionId">;

export function denialRecord(context: Context, facts: DenialFacts): DenialRecord {
  const { what, decision, connection, request, requestId } = facts;
  const by = "by" in decision ? decision.by : undefined;
  const { peerSpiffeId, sourceAddress, destinationAddress, destinationPort, sni } = connection;
  return {
    ...context,
    what,
    reason: decision.reason,
    detail: "detail" in decision ? decision.detail : denialDetail(decision),
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
/** JSON in base64url begins so, with a dot behind it and another part: a token, wherever it stands. */
const TOKEN = /e[yw][\w-]{4,}(?:\.|%2e)[\w-]{4,}(?:\.|%2e)[\w-]*/gi;
/** Whoever reads denials must not be able to do as others. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "x-api-key"]);

function deniedRequest({ method, path, host, headers, claims }: RequestAttributes): DeniedRequest {
  const cut: string[] = [];
  const kept: (readonly [string, string])[] = [];
  let left = MAX_HEADERS;
  for (const [name, values] of headers) {
    for (const value of values) {
      const isSecret = SECRET_FIELDS.has(name) || value.search(TOKEN) >= 0;
      const shown = isSecret ? "" : value;
      left -= name.length + shown.length;
      if (left < 0) break;
      if (isSecret && !cut.includes(name)) cut.push(name);
      kept.push([name, shown]);
    }
  }
  if (left < 0) cut.push("headers");
  const shownPath = path.replace(TOKEN, "(token)");
  if (path.length > MAX_PATH || shownPath !== path) cut.push("path");
  const hasClaims = claims !== undefined && JSON.stringify(claims).length <= MAX_CLAIMS;
  if (claims !== undefined && !hasClaims) cut.push("claims");
  return {
    method,
    path: shownPath.slice(0, MAX_PATH),
    host: host.slice(0, MAX_NAME),
    headers: kept,
    ...(hasClaims ? { claims } : {}),
    ...(cut.length > 0 ? { cut } : {}),
  };
}
