/** What the engine decides and what Envoy did, in the same words. */
import type { AuthorizedConnection, Decision, RequestAttributes } from "@symbolon/policy";
import type { FilterKind, Verdict } from "./authorization-filters.ts";

export interface Outcome {
  readonly outcome: "allow" | "deny";
  /** The rule that denied, or the provider; the rule that allowed where it can be seen. */
  readonly by?: string;
  /** Providers that were asked, in order. */
  readonly asked: readonly string[];
  readonly audit: boolean;
  readonly shadowDeny?: string;
  readonly shadowAllow?: string;
}

/** The engine's decision carried out: providers are asked until one refuses. */
export function engineOutcome(
  connection: AuthorizedConnection,
  request: RequestAttributes | undefined,
  verdicts: ReadonlyMap<string, Verdict>,
): { readonly decision: Decision; readonly outcome: Outcome } {
  let decision = connection.decide(request);
  const asked: string[] = [];
  if (decision.outcome === "ask_provider") {
    for (const { provider } of decision.asks) {
      asked.push(provider);
      if (verdicts.get(provider) === "deny")
        return { decision, outcome: { outcome: "deny", by: PROVIDER, asked, audit: false } };
    }
    decision = connection.decideAfterProviders(request);
  }
  const { outcome, by, audit, shadow } = decision;
  if (outcome === "ask_provider") throw new Error("asked again after all providers agreed");
  const told = (result: NonNullable<typeof shadow>["deny"]) =>
    [result?.result, result?.by?.policyId].filter(Boolean).join(" ");
  return {
    decision,
    outcome: {
      outcome,
      ...(by && (outcome === "deny" || request) && { by: by.policyId }),
      asked,
      audit,
      ...(shadow?.deny && { shadowDeny: told(shadow.deny) }),
      ...(shadow?.allow && { shadowAllow: told(shadow.allow) }),
    },
  };
}

/** What `observedFormat` writes. */
export interface ObservedLine {
  readonly details: string | null;
  readonly rule: string | null;
  readonly shadowDeny: string | null;
  readonly shadowDenyBy: string | null;
  readonly shadowAllow: string | null;
  readonly shadowAllowBy: string | null;
  readonly audit: string | boolean | null;
  readonly peer: string;
  /** Of the answer; without HTTP 0. */
  readonly status: number | null;
  readonly sent: number;
}

export function envoyOutcome(line: ObservedLine, { asked, kind, hasAllowPolicy }: EnvoyCircumstances): Outcome {
  // An allowed connection is echoed.
  const allowed = kind === "http" ? line.status === 200 : line.sent > 0;
  const told = (result: string, policy: string | null) => [result, idOf(policy)].filter(Boolean).join(" ");
  const by = allowed ? (kind === "http" && hasAllowPolicy ? idOf(line.rule) : undefined) : refusedBy(line, kind, asked);
  return {
    outcome: allowed ? "allow" : "deny",
    ...(by !== undefined && { by }),
    asked,
    audit: String(line.audit) === "true",
    ...(line.shadowDeny !== null && { shadowDeny: told(line.shadowDeny, line.shadowDenyBy) }),
    ...(line.shadowAllow !== null && { shadowAllow: told(line.shadowAllow, line.shadowAllowBy) }),
  };
}

export interface EnvoyCircumstances {
  readonly asked: readonly string[];
  readonly kind: FilterKind;
  /** Else the rule of another filter stands in the metadata. */
  readonly hasAllowPolicy: boolean;
}

function refusedBy({ details }: ObservedLine, kind: FilterKind, asked: readonly string[]): string | undefined {
  const rule = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(details ?? "")?.[1];
  if (rule !== undefined) return idOf(rule);
  // The network filter says nothing.
  const byProvider = kind === "http" ? details === "ext_authz_denied" : details === null && asked.length > 0;
  return byProvider ? PROVIDER : `? ${details}`;
}

function idOf(text: string | null): string | undefined {
  return text === null || text === "" || text === "none" ? undefined : text;
}

const PROVIDER = "the provider";
