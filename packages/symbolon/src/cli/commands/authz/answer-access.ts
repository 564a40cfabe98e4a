import { findWorkload } from "../../policy-set/find-workload.ts";
import { type PodPort, podPorts, protocolOf } from "../../policy-set/pod-port.ts";
import type { SetWorkload } from "../../policy-set/policy-set.ts";
import type { PolicySource } from "../../policy-set/policy-source.ts";
import { policiesOf } from "../../policy-set/workload-policies.ts";
import { type AccessAnswer, cannotTell } from "./access-answer.ts";
import type { AccessQuestion } from "./access-question.ts";
import { resolveCaller } from "./caller.ts";
import { judgeAtPort } from "./judge-at-port.ts";

/** Asks policies whether a call is let in. `now` decides about the lifetimes of tokens. */
export function answerAccess(question: AccessQuestion, source: PolicySource, now: Date): AccessAnswer {
  const { to } = question;
  const found = findWorkload(to, source.set);
  if ("reason" in found) return cannotTell(found.reason, found.text);
  const { workload } = found;
  const where = `${workload.kind} ${to.namespace}/${to.name}`;
  const caller = resolveCaller(question, source);
  if ("problem" in caller) return cannotTell("caller_unknown", caller.problem);
  if (!workload.sidecar)
    return {
      outcome: "allow",
      reason: "no_sidecar",
      text: `allowed: ${where} has no sidecar (${workload.decidedBy}), so that nothing is enforced`,
      notes: caller.notes,
    };
  const { ports, notes } = portsOf(question, workload, source);
  const policies = policiesOf(workload, source);
  const answers = ports.map((port) => judgeAtPort(question, { workload, port, caller, policies }, source, now));
  const [first] = answers;
  if (!first) return cannotTell("port_unknown", `${where} names no port: give --port`);
  const all = [...caller.notes, ...notes];
  if (answers.every(({ outcome }) => outcome === first.outcome)) return { ...first, notes: [...all, ...first.notes] };
  const each = answers.map(({ outcome, seen }) => `${seen?.port} ${outcome}`).join(", ");
  return { ...cannotTell("port_unknown", `it depends on the port (${each}): give --port`), notes: all };
}

/** Policies go by the pod's port. The port of a Service, which is what clients know, is taken for the one it leads to. */
function portsOf(
  { port, request }: AccessQuestion,
  workload: SetWorkload,
  { set }: PolicySource,
): { readonly ports: readonly PodPort[]; readonly notes: readonly string[] } {
  const known = podPorts(workload, set);
  if (port === undefined) {
    // A request is not meant for a port that a Service declares as TCP, nor a mere connection for one of HTTP.
    const meant = known.filter((one) => protocolOf(one) !== (request ? "tcp" : "http"));
    return { ports: meant.length > 0 ? meant : known, notes: [] };
  }
  const exact = known.find(({ number }) => number === port);
  if (exact) return { ports: [exact], notes: [] };
  const behind = known.filter(({ services }) => services.some((entry) => entry.port.port === port));
  const [only] = behind;
  if (only && behind.length === 1) {
    const [service] = only.services.filter((entry) => entry.port.port === port);
    const note = `${port} is a port of Service ${service?.service.name}, which leads to the pod's port ${only.number}; policies go by that one`;
    return { ports: [only], notes: [note] };
  }
  const there = known.length === 0 ? "" : `; known are ${known.map(({ number }) => number).join(", ")}`;
  return {
    ports: [{ number: port, services: [] }],
    notes: [`no container and no Service names port ${port} of ${workload.namespace}/${workload.name}${there}`],
  };
}
