import type { Flip, PolicyExplanation } from "@symbolon/policy";
import type { DenialRecord } from "./denial-record.ts";

/** As a proxy reports it. */
export type ReportedDenial = DenialRecord & {
  /** Unique in the mesh: a report that comes twice is one denial. */
  readonly id: string;
};

/** What is kept of a denial for 24 hours. JSON-safe. */
export type StoredDenial = ReportedDenial & {
  /** Grows with each stored denial. */
  readonly sequence: number;
  readonly explanation: DenialExplanation;
};

/** Why, as the engine that decided explains it: by the policies in force when the denial was reported. */
export interface DenialExplanation {
  /** Every policy and rule, with what it wanted and what it got, in lines. */
  readonly text: string;
  /** Absent when they would be too large; `text` has them then, cut. */
  readonly policies?: readonly ExplainedPolicy[];
  readonly flips: readonly Flip[];
  readonly moreFlips: number;
  /** What to know before believing the rest. */
  readonly notes: readonly string[];
}

export interface ExplainedPolicy extends Pick<PolicyExplanation, "matches" | "rules"> {
  readonly namespace: string;
  readonly name: string;
  readonly action: string;
  readonly dryRun: boolean;
}

/** Which stored denials; an absent field lets every one pass. */
export interface DenialQuery {
  readonly requestId?: string;
  readonly namespace?: string;
  /** Name of a pod, or its beginning up to a "-": a Deployment's. */
  readonly workload?: string;
  /** Only later ones than this `sequence`, oldest first. */
  readonly after?: number;
  /** At most so many, the newest. */
  readonly last: number;
}
