import type { Decision } from "../authorization/index.ts";
import type { AuthorizationAction, AuthorizationPolicy } from "../authorization-policy.ts";
import type { SourcePosition } from "../document/index.ts";
import type { Opening } from "./opening.ts";

/** Why a decision fell as it did. Every part is data; `explanationText` says it in words. */
export interface Explanation {
  readonly decision: Decision;
  /** In the order of their names, those that were not asked included. */
  readonly policies: readonly PolicyExplanation[];
  /**
   * Single changes after which the outcome is another one, at most 20: those of the call, which open nothing, and then those
   * of policies, what opens least first; among equals the smallest first.
   */
  readonly flips: readonly Flip[];
  /** How many more there are. */
  readonly moreFlips: number;
}

export interface PolicyExplanation {
  readonly policy: AuthorizationPolicy;
  /** One of its rules matches. */
  readonly matches: boolean;
  readonly rules: readonly RuleExplanation[];
}

export interface RuleExplanation {
  readonly ruleIndex: number;
  readonly policyId: string;
  readonly matches: boolean;
  /** The rule that the decision names. */
  readonly decides: boolean;
  /** An ALLOW rule with items that need HTTP, on a TCP connection: it is not there at all (istio-security §3.9). */
  readonly isDropped: boolean;
  /** OR; absent = true. */
  readonly from?: readonly EntryExplanation[];
  readonly to?: readonly EntryExplanation[];
  /** AND. */
  readonly when: readonly ItemExplanation[];
}

export interface EntryExplanation {
  readonly matches: boolean;
  /** AND. */
  readonly items: readonly ItemExplanation[];
}

export interface ItemExplanation {
  /** As written: "notPaths", "when request.headers[x-token] values". */
  readonly field: string;
  readonly position: SourcePosition;
  readonly matches: boolean;
  readonly negated: boolean;
  /** Needs HTTP on a TCP connection: counts as if it were not there. */
  readonly isIgnored: boolean;
  /** The values as written. */
  readonly wanted: readonly string[];
  /** Places in `wanted` of those that fit. */
  readonly fitting: readonly number[];
  /** What the connection or request has: none, one, or the lines of a header. */
  readonly got: readonly string[];
}

/** One change, and what the outcome would be with it. */
export interface Flip {
  readonly change: SingleChange;
  readonly outcome: Decision["outcome"];
}

export type SingleChange = AttributeChange | PolicyChange;

interface Change {
  /** Characters that somebody has to write or delete: the order of flips that open the same. */
  readonly size: number;
  /** In words, with what it opens: `method "POST" instead of "GET"`. */
  readonly text: string;
}

export interface AttributeChange extends Change {
  readonly kind: "attribute";
  /** "method", "peer identity", "request.headers[x-token]". */
  readonly attribute: string;
  /** Absent: the attribute is not there. */
  readonly from?: string;
  readonly to?: string;
}

export interface PolicyChange extends Change {
  readonly kind: "policy";
  readonly policy: { readonly namespace: string; readonly name: string; readonly action: AuthorizationAction };
  /** "rules[0].from[1].principals"; empty: the policy as a whole. */
  readonly path: string;
  readonly operation: "add" | "remove" | "start-dry-run" | "end-dry-run";
  /** The value that is added or removed; absent: all that is at the path. */
  readonly value?: string;
  readonly opens: Opening;
}
