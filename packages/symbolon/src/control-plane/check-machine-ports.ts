import type { Finding } from "@symbolon/policy";
import {
  type Container,
  type ContainerTemplate,
  locate,
  meshFinding,
  objectKeyText,
  type ParsedObject,
} from "../mesh/index.ts";

/**
 * Explicit capture: two programs that have the same port in their own commands cannot both run on one machine. Said of
 * the second one, with the first.
 * @param machinePorts TCP ports of the machine that a container's program listens on
 */
export function checkMachinePorts(
  objects: readonly ParsedObject[],
  machinePorts: (container: Container) => readonly number[],
): readonly Finding[] {
  const holders = new Map<number, ParsedObject>();
  const findings: Finding[] = [];
  for (const entry of objects) {
    const { object } = entry;
    if (object.kind !== "Pod" && (object.kind !== "Deployment" || object.replicas === 0)) continue;
    const steps = object.kind === "Deployment" ? ["spec", "template", "spec"] : ["spec"];
    object.template.containers.forEach((container, index) => {
      for (const port of machinePorts(asContainer(container))) {
        const holder = holders.get(port);
        if (holder === undefined) holders.set(port, entry);
        if (holder === undefined || holder === entry) continue;
        const { file, line } = holder.node.position;
        const at = container.ports.findIndex(({ containerPort }) => containerPort === port);
        findings.push(
          meshFinding(
            "SYM2107",
            `${objectKeyText(entry.key)} listens on port ${port} of this machine, which ${objectKeyText(holder.key)} has (${file}:${line}); in explicit capture all pods share the machine's ports`,
            locate(entry.node, [...steps, "containers", index, "ports", at, "containerPort"]),
          ),
        );
      }
    });
  }
  return findings;
}

/** As far as it is known before there is a pod. */
function asContainer({ env, ...container }: ContainerTemplate): Container {
  return { ...container, env: env.flatMap((variable) => ("value" in variable ? [variable] : [])) };
}
