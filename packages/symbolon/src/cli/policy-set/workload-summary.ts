import { createExplainer, describePolicy, type MtlsDecision } from "@symbolon/policy";
import { CommandExit, EXIT } from "../exit-status.ts";
import { findWorkload } from "./find-workload.ts";
import { type PodPort, podPorts, protocolOf } from "./pod-port.ts";
import type { PolicySource } from "./policy-source.ts";
import { parseWorkloadName } from "./workload-name.ts";
import { type ObjectPlace, placeOf, policiesOf, type WorkloadPolicies } from "./workload-policies.ts";

/** What policies make of one workload; the shape of `-o json`. */
export interface WorkloadSummary {
  readonly workload: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly sidecar: boolean;
  /** What decided about the sidecar. */
  readonly decidedBy: string;
  /** Absent without sidecar. */
  readonly spiffeId?: string;
  /** Other names under which policies know it: one for each trust-domain alias. */
  readonly aliases: readonly string[];
  readonly services: readonly string[];
  readonly ports: readonly PortSummary[];
  /** Of ports without a row. */
  readonly otherPorts: MtlsSummary;
  readonly mtlsChain: readonly ChainSummary[];
  /** In the order in which they are asked. */
  readonly authorizationPolicies: readonly PolicySummary[];
  readonly requestAuthentications: readonly PolicySummary[];
}

export interface MtlsSummary {
  readonly mode: string;
  /** "default", "mesh", "namespace", "workload" or "port". */
  readonly level: string;
  readonly policy?: ObjectPlace;
}

export interface PortSummary extends MtlsSummary {
  readonly port: number;
  readonly protocol: "http" | "tcp" | "auto";
  /** What happens to a call that no rule names. */
  readonly otherwise: "allowed" | "denied";
  /** Rules that allow, deny or ask for some calls; those of ALLOW policies that TCP loses are not counted. */
  readonly allowRules: number;
  readonly denyRules: number;
  readonly customRules: number;
}

export interface ChainSummary {
  readonly level: string;
  readonly policy: ObjectPlace;
  readonly mode: string;
  readonly port?: number;
  readonly outcome: string;
  readonly reason: string;
}

export interface PolicySummary extends ObjectPlace {
  readonly action?: string;
  readonly dryRun?: boolean;
  /** What it does, in plain words. */
  readonly sentence: string;
}

/** @throws CommandExit when there is no such workload, naming what there is */
export function summarizeWorkload(text: string, namespace: string, source: PolicySource): WorkloadSummary {
  const found = findWorkload(parseWorkloadName(text, namespace, "workload"), source.set);
  if ("reason" in found) throw new CommandExit(EXIT.failed, `error: ${found.text}`);
  const { workload } = found;
  const { trustDomain, trustDomainAliases, rootNamespace } = source;
  const policies = policiesOf(workload, source);
  const identity = (domain: string) => `spiffe://${domain}/ns/${workload.namespace}/sa/${workload.serviceAccount}`;
  const ports = podPorts(workload, source.set);
  return {
    workload: `${workload.kind} ${workload.namespace}/${workload.name}`,
    labels: workload.labels,
    serviceAccount: `${workload.namespace}/${workload.serviceAccount}`,
    sidecar: workload.sidecar,
    decidedBy: workload.decidedBy,
    ...(workload.sidecar ? { spiffeId: identity(trustDomain) } : {}),
    aliases: workload.sidecar ? trustDomainAliases.map(identity) : [],
    services: ports.flatMap(({ number, services }) =>
      services.map(({ service, port }) => `${service.name}:${port.port} -> ${number} (${port.protocol})`),
    ),
    ports: workload.sidecar ? ports.map((port) => portSummary(port, policies, source)) : [],
    otherPorts: mtlsSummary(policies.mtls),
    mtlsChain: policies.mtls.chain.map(({ level, policy, mode, port, outcome, reason }) => ({
      level,
      policy: placeOf(policy),
      mode,
      ...(port === undefined ? {} : { port }),
      outcome,
      reason,
    })),
    authorizationPolicies: policies.authorization.map((policy) => ({
      ...placeOf(policy),
      action: policy.action,
      dryRun: policy.dryRun,
      sentence: describePolicy(policy, { rootNamespace }),
    })),
    requestAuthentications: policies.tokens.map((policy) => ({
      ...placeOf(policy),
      sentence: describePolicy(policy, { rootNamespace }),
    })),
  };
}

function portSummary(
  port: PodPort,
  { mtls, authorization }: WorkloadPolicies,
  { trustDomain, trustDomainAliases }: PolicySource,
): PortSummary {
  const protocol = protocolOf(port);
  const enforced = authorization.filter(({ dryRun }) => !dryRun);
  const connection = { sourceAddress: UNSPECIFIED, destinationAddress: UNSPECIFIED, destinationPort: port.number };
  const request = { method: "GET", path: "/", host: "", headers: new Map() };
  const { policies } = createExplainer(enforced, { trustDomain, trustDomainAliases }).explain({
    connection,
    ...(protocol === "tcp" ? {} : { request }),
  });
  const count = (action: string) =>
    policies
      .filter(({ policy }) => policy.action === action)
      .flatMap(({ rules }) => rules)
      .filter(({ isDropped }) => !isDropped).length;
  return {
    port: port.number,
    protocol,
    ...mtlsSummary(mtls.decisionForPort(port.number)),
    otherwise: enforced.some(({ action }) => action === "allow") ? "denied" : "allowed",
    allowRules: count("allow"),
    denyRules: count("deny"),
    customRules: count("custom"),
  };
}

function mtlsSummary({ mode, level, policy }: MtlsDecision): MtlsSummary {
  return { mode, level, ...(policy ? { policy: placeOf(policy) } : {}) };
}

/** No rule is decided here; only which of them count. */
const UNSPECIFIED = "0.0.0.0";
