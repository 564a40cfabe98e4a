import { type ObjectPlace, placeText } from "./policy-set/workload-policies.ts";
import type { MtlsSummary, PolicySummary, WorkloadSummary } from "./policy-set/workload-summary.ts";
import { formatTable } from "./table.ts";

/** Policies in the order in which they are asked, each with its sentence. */
export function policiesText({ authorizationPolicies, requestAuthentications }: WorkloadSummary): string {
  if (authorizationPolicies.length + requestAuthentications.length === 0)
    return "no policy applies to requests to it\n";
  const blocks = [
    ...requestAuthentications.map((policy) => policyBlock(policy, "RequestAuthentication")),
    ...authorizationPolicies.map((policy) => policyBlock(policy, actionText(policy))),
  ];
  return blocks.map((block, index) => `${index + 1}. ${block}\n`).join("");
}

function policyBlock(policy: PolicySummary, word: string): string {
  return `${placeText(policy, word)}\n   ${policy.sentence}`;
}

function actionText({ action = "", dryRun }: PolicySummary): string {
  return `${action.toUpperCase()}${dryRun ? " (dry run)" : ""}`;
}

/** Per port: who may connect how, and what becomes of a call that no rule names. */
export function portsText({ ports, otherPorts }: WorkloadSummary): string {
  const head = ["PORT", "PROTOCOL", "MTLS", "DECIDED BY", "RULES", "OTHERWISE"];
  const rows = ports.map((port) => [
    String(port.port),
    port.protocol,
    port.mode.toUpperCase(),
    deciderText(port),
    rulesText(port),
    port.otherwise,
  ]);
  const other = ["others", "-", otherPorts.mode.toUpperCase(), deciderText(otherPorts), "-", "-"];
  return formatTable([head, ...rows, other]);
}

function rulesText(port: WorkloadSummary["ports"][number]): string {
  const counts = [
    [port.customRules, "CUSTOM"],
    [port.denyRules, "DENY"],
    [port.allowRules, "ALLOW"],
  ] as const;
  const shown = counts.flatMap(([count, action]) => (count > 0 ? [`${count} ${action}`] : []));
  return shown.length === 0 ? "none" : shown.join(", ");
}

function deciderText({ level, policy }: MtlsSummary): string {
  return policy ? `${shortPlace(policy)}, ${level}` : "no policy";
}

function shortPlace({ namespace, name }: ObjectPlace): string {
  return `${namespace}/${name}`;
}

/** Every PeerAuthentication that is in the workload's scope, the widest first, and what became of it. */
export function chainText({ mtlsChain }: WorkloadSummary): string {
  if (mtlsChain.length === 0) return "no PeerAuthentication applies: PERMISSIVE, Istio's default\n";
  const rows = mtlsChain.map(({ level, policy, mode, port, reason }) => [
    port === undefined ? level : `port ${port}`,
    placeText(policy, ""),
    mode.toUpperCase(),
    reason,
  ]);
  return formatTable([["LEVEL", "PEERAUTHENTICATION", "MODE", "OUTCOME"], ...rows]);
}
