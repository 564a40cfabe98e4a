import { isHttpOnly, type RuleItem, type RuleStructure } from "../authorization/index.ts";
import type { PolicyValue } from "../authorization-policy.ts";
import type { SourcePosition } from "../document/index.ts";
import type { ResourceReference } from "../object-envelope.ts";
import { type AnalysisContext, itemsOf, rulePath, type StructuredPolicy } from "./analysis-context.ts";
import type { AnalyzedWorkload } from "./analysis-input.ts";
import type { Scoped } from "./mesh-view.ts";

/** Ports are those of the pod, and what they carry decides what a rule can ask for (istio-security §3.9, §11 rows 1, 2). */
export function checkPorts(context: AnalysisContext): void {
  if (!context.view.knowsWorkloads) return;
  for (const structured of context.policies) {
    checkPodPorts(context, structured);
    checkTcp(context, structured);
  }
  for (const policy of context.input.peerAuthentications ?? []) {
    const target = { ...policy, targetRefs: [] };
    const workloads = policy.portLevelMtls.size > 0 ? context.view.workloadsOf(target) : [];
    for (const port of policy.portLevelMtls.keys())
      reportServicePort(context, policy, { port, path: `spec.portLevelMtls.${port}`, workloads });
  }
}

function checkPodPorts(context: AnalysisContext, structured: StructuredPolicy): void {
  const items = itemsOf(structured).filter(({ item }) => item.attribute.kind === "destinationPort");
  if (items.length === 0) return;
  const workloads = context.view.workloadsOf(structured.policy);
  for (const { item, path } of items)
    for (const [index, { value, position }] of item.list.values.entries())
      reportServicePort(context, structured.policy, {
        port: Number(value),
        path: `${path}[${index}]`,
        position,
        workloads,
      });
}

interface WrittenPort {
  readonly port: number;
  readonly path: string;
  readonly position?: SourcePosition;
  readonly workloads: readonly AnalyzedWorkload[];
}

/** Only when no workload of the policy has such a port; it is a mistake for sure when a Service of one of them has it. */
function reportServicePort(
  { view, report }: AnalysisContext,
  object: ResourceReference & Pick<Scoped, "name">,
  { port, path, position, workloads }: WrittenPort,
): void {
  let found: { readonly service: string; readonly podPort: number } | undefined;
  const declared = new Set<number>();
  for (const workload of workloads)
    for (const { number, services } of view.podPorts(workload)) {
      if (number === port) return;
      declared.add(number);
      const through = services.find((candidate) => candidate.port.port === port);
      if (through) found ??= { service: `${through.service.namespace}/${through.service.name}`, podPort: number };
    }
  if (!found) {
    const declareAll = workloads.length > 0 && workloads.every((workload) => view.podPorts(workload).length > 0);
    if (declareAll)
      report("SYM1030", object, {
        path,
        ...(position ? { position } : {}),
        message: `no workload of this policy declares port ${port}, and no Service leads to it: they have ${[...declared].slice(0, MAX_PORTS).join(", ")}`,
      });
    return;
  }
  report("SYM1009", object, {
    path,
    ...(position ? { position } : {}),
    message: `${port} is a port of Service ${found.service}, and no workload of this policy listens on it: the pod's port counts, which is ${found.podPort}`,
    fix: `write ${found.podPort}`,
  });
}

/** "On a TCP chain" HTTP attributes do not exist: ALLOW loses the rule, DENY and the others lose the restriction. */
function checkTcp({ view, report }: AnalysisContext, { policy, rules }: StructuredPolicy): void {
  const http = rules.filter((rule) => httpItem(rule) !== undefined);
  if (http.length === 0) return;
  const tcp = new Map<number, string>();
  for (const workload of view.workloadsOf(policy))
    for (const { number, services } of view.podPorts(workload)) {
      const through = services.find(({ port }) => port.protocol === "tcp");
      if (through) tcp.set(number, `${through.service.namespace}/${through.service.name}`);
    }
  for (const rule of http) {
    const item = httpItem(rule);
    const hit = [...tcp].find(([port]) => admitsPort(rule, port));
    if (!hit || !item) continue;
    const [port, service] = hit;
    // An ALLOW rule that asks for HTTP never was about this port, unless it asks for nothing but this port.
    if (policy.action === "allow" && ![...tcp.keys()].some((candidate) => asksOnlyFor(rule, candidate))) continue;
    report("SYM1006", policy, {
      path: rulePath(rule),
      position: item.list.position,
      message:
        policy.action === "allow"
          ? `port ${port} of Service ${service} is TCP, where ${item.field} does not exist: this rule never allows anything`
          : `port ${port} of Service ${service} is TCP, where ${item.field} does not exist and is left out: this rule matches every connection that fits the rest`,
    });
  }
}

function httpItem({ from = [], to = [], when }: RuleStructure): RuleItem | undefined {
  return [...from.flat(), ...to.flat(), ...when].find(isHttpOnly);
}

/** Whether a connection to the port can match as far as ports go. */
function admitsPort(rule: RuleStructure, port: number): boolean {
  const admits = (items: readonly RuleItem[]) =>
    items.every(
      (item) => item.attribute.kind !== "destinationPort" || hasPort(item.list.values, port) !== item.negated,
    );
  return (rule.to ? rule.to.some(admits) : true) && admits(rule.when);
}

/** Every alternative names ports, and this is the only one of them. */
function asksOnlyFor({ to = [] }: RuleStructure, port: number): boolean {
  const lists = to.map((entry) => entry.find((item) => item.attribute.kind === "destinationPort" && !item.negated));
  return lists.length > 0 && lists.every((item) => item?.list.values.every(({ value }) => Number(value) === port));
}

function hasPort(values: readonly PolicyValue[], port: number): boolean {
  return values.some(({ value }) => Number(value) === port);
}

const MAX_PORTS = 8;
