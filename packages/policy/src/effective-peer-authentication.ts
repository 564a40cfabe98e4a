import type { EffectiveMtlsMode, MtlsMode } from "./mtls-mode.ts";
import type { Labels } from "./object-metadata.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";

/** What the engine needs to know of a workload; richer records satisfy it as they are. */
export interface WorkloadTarget {
  readonly namespace: string;
  readonly labels: Labels;
}

export type MtlsLevel = "default" | "mesh" | "namespace" | "workload" | "port";

/** One mode and where it comes from; `policy` is absent when the built-in default decides. */
export interface MtlsDecision {
  readonly mode: EffectiveMtlsMode;
  readonly level: MtlsLevel;
  readonly policy?: PeerAuthentication;
}

/**
 * What one policy contributed, from mesh to workload.
 * decided: its mode is the workload's. inherited: its mode is UNSET. overridden: a narrower policy has a mode of its own.
 * ignored: Istio does not look at it at all, for the reason given.
 */
export interface MtlsChainLink {
  readonly level: Exclude<MtlsLevel, "default">;
  readonly policy: PeerAuthentication;
  /** As written; for level "port" the mode of `port`. */
  readonly mode: MtlsMode;
  readonly port?: number;
  readonly outcome: "decided" | "inherited" | "overridden" | "ignored";
  /** In words, for people. */
  readonly reason: string;
}

export interface EffectivePeerAuthentication extends MtlsDecision {
  /** Pod ports with a mode of their own; every other port has `mode`. */
  readonly ports: ReadonlyMap<number, EffectiveMtlsMode>;
  modeForPort(port: number): EffectiveMtlsMode;
  /** Who decides the mode of a port. */
  decisionForPort(port: number): MtlsDecision;
  readonly chain: readonly MtlsChainLink[];
}

/** A policy that is in a workload's scope, and why it does not count, if it does not. */
export interface PolicyCandidate {
  readonly level: "mesh" | "namespace" | "workload";
  readonly policy: PeerAuthentication;
  readonly ignored?: string;
}

/** Combines the policies that an index found for one workload, widest first. */
export function combineCandidates(candidates: readonly PolicyCandidate[]): EffectivePeerAuthentication {
  const winners = candidates.filter((candidate) => candidate.ignored === undefined);
  const deciding = winners.findLast(({ policy }) => policy.mode !== "unset");
  const decision: MtlsDecision = deciding ? decisionOf(deciding) : DEFAULT_DECISION;
  // "Port maps of several matching policies are not merged": only the workload policy that counts has one (§1.3.3).
  const workloadPolicy = winners.find(({ level }) => level === "workload")?.policy;
  const portDecisions = new Map(
    [...(workloadPolicy?.portLevelMtls ?? [])].map(([port, mode]) => [
      port,
      portDecision(mode, decision, workloadPolicy),
    ]),
  );
  const chain = candidates.map((candidate) => linkOf(candidate, deciding));
  const portChain = workloadPolicy ? portLinks(workloadPolicy, decision) : [];
  const decisionForPort = (port: number): MtlsDecision => portDecisions.get(port) ?? decision;
  return {
    ...decision,
    ports: new Map([...portDecisions].map(([port, { mode }]) => [port, mode])),
    modeForPort: (port) => decisionForPort(port).mode,
    decisionForPort,
    chain: [...chain, ...portChain],
  };
}

function decisionOf({ policy, level }: PolicyCandidate): MtlsDecision {
  return policy.mode === "unset" ? DEFAULT_DECISION : { mode: policy.mode, level, policy };
}

/** "(m is UNSET/nil) ? mode : m.mode": an unset port takes the workload's mode and whoever decided that. */
function portDecision(mode: MtlsMode, workload: MtlsDecision, policy: PeerAuthentication | undefined): MtlsDecision {
  return mode === "unset" || !policy ? workload : { mode, level: "port", policy };
}

function linkOf({ level, policy, ignored }: PolicyCandidate, deciding: PolicyCandidate | undefined): MtlsChainLink {
  const link = { level, policy, mode: policy.mode };
  if (ignored !== undefined) return { ...link, outcome: "ignored", reason: ignored };
  if (policy === deciding?.policy)
    return { ...link, outcome: "decided", reason: `decides: the narrowest policy that has a mode` };
  if (policy.mode === "unset")
    return { ...link, outcome: "inherited", reason: "has no mode of its own (UNSET) and inherits" };
  return {
    ...link,
    outcome: "overridden",
    reason: `overridden by the ${deciding?.level} policy ${deciding?.policy.namespace}/${deciding?.policy.name}`,
  };
}

function portLinks(policy: PeerAuthentication, workload: MtlsDecision): MtlsChainLink[] {
  return [...policy.portLevelMtls]
    .sort(([left], [right]) => left - right)
    .map(([port, mode]) => {
      const link = { level: "port" as const, policy, mode, port };
      return mode === "unset"
        ? {
            ...link,
            outcome: "inherited" as const,
            reason: `port ${port} has no mode of its own (UNSET) and takes the workload's: ${workload.mode}`,
          }
        : { ...link, outcome: "decided" as const, reason: `decides for pod port ${port}` };
    });
}

const DEFAULT_DECISION: MtlsDecision = { mode: "permissive", level: "default" };
