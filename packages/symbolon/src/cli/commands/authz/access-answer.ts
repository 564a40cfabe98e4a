import type { Explanation } from "@symbolon/policy";
import type { ObjectPlace } from "../../policy-set/workload-policies.ts";

/** allow and deny are what the workload's proxy would do; unknown: it depends on what is not known here. */
export interface AccessAnswer {
  readonly outcome: "allow" | "deny" | "unknown";
  /** Stable code. */
  readonly reason: string;
  /** One sentence, with the policy and the rule. */
  readonly text: string;
  /** That decided. */
  readonly policy?: ObjectPlace;
  /** Index of its rule. */
  readonly rule?: number;
  /** What the answer rests on, and a reader may not expect. */
  readonly notes: readonly string[];
  /** Absent before anything has been asked. */
  readonly seen?: SeenAccess;
  /** Single changes that would turn a refusal that no AuthorizationPolicy made. */
  readonly changes?: readonly { readonly outcome: "allow"; readonly text: string }[];
  /** Absent when no AuthorizationPolicy was asked. */
  readonly explanation?: Explanation;
}

/** The call as the workload's proxy sees it. */
export interface SeenAccess {
  readonly caller: string;
  /** Absent: plaintext. */
  readonly spiffeId?: string;
  readonly workload: string;
  readonly port: number;
  readonly protocol: "http" | "tcp";
  /** "STRICT, by PeerAuthentication bar/default (f.yaml:3)" */
  readonly mtls: string;
  /** Absent: no RequestAuthentication looks at tokens. */
  readonly token?: string;
  readonly request?: string;
}

export function cannotTell(
  reason: string,
  text: string,
): Pick<AccessAnswer, "outcome" | "reason" | "text"> & { readonly notes: readonly string[] } {
  return { outcome: "unknown", reason, text: `cannot say: ${text} [${reason}]`, notes: [] };
}
