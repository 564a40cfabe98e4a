import type { Command } from "commander";
import type { PlaintextCaller } from "../../telemetry/index.ts";
import { apiOfChosenMesh } from "../context.ts";
import { outputFormat, printStructured } from "../output.ts";
import { readNamespaceName } from "../policy-set/name-options.ts";
import { addSourceOptions, type SourceFlags } from "../policy-set/policy-source.ts";
import { readSummary } from "../policy-set/read-summary.ts";
import type { WorkloadSummary } from "../policy-set/workload-summary.ts";
import { plaintextCallersText } from "../strict-plan.ts";
import { chainText, policiesText, portsText } from "../summary-text.ts";

interface Flags extends SourceFlags {
  readonly namespace: string;
  readonly output?: string;
}

export function addDescribeCommand(program: Command): void {
  const command = program
    .command("describe <workload>")
    .description("A workload's identity, its mutual TLS per port with who decided it, and the policies that apply.");
  addSourceOptions(command)
    .option(
      "-n, --namespace <namespace>",
      "namespace of the workload, and of objects that name none",
      readNamespaceName,
      "default",
    )
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `
Examples:
  symbolon describe deploy/httpbin -n foo               in the running mesh
  symbolon describe foo/httpbin -f manifests/ -o yaml`,
    )
    .action(async (workload: string, flags: Flags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const summary = await readSummary(workload, flags, self);
      const plaintextCallers = flags.filename.length > 0 ? undefined : await callersOf(summary, self);
      if (format) return printStructured(format, plaintextCallers ? { ...summary, plaintextCallers } : summary);
      process.stdout.write(describeText(summary));
      if (summary.sidecar && plaintextCallers) process.stdout.write(readinessText(summary, plaintextCallers));
    });
}

/** Who calls it without mutual TLS: what only a running mesh knows. */
async function callersOf({ workload }: WorkloadSummary, command: Command): Promise<readonly PlaintextCaller[]> {
  const [, kind, namespace = "", name] = /^(\S+) ([^/]+)\/(.+)$/.exec(workload) ?? [];
  const callers = await apiOfChosenMesh(command).plaintextCallers(namespace);
  return callers.filter((caller) => caller.workload === `${kind} ${name}`);
}

function readinessText({ ports, otherPorts }: WorkloadSummary, callers: readonly PlaintextCaller[]): string {
  if (callers.length === 0) return "\nready for STRICT: nobody was seen without mutual TLS in the last 8 days\n";
  const modeOf = (number: number) => (ports.find(({ port }) => port === number) ?? otherPorts)?.mode;
  const wouldBreak = callers.some(({ port, refused }) => !refused && modeOf(port) !== "strict");
  const verdict = wouldBreak ? "not ready for STRICT, which would refuse those that are taken; " : "";
  return `\n${verdict}seen without mutual TLS in the last 8 days:\n${plaintextCallersText(callers)}`;
}

function describeText(summary: WorkloadSummary): string {
  const { workload, labels, serviceAccount, sidecar, decidedBy, spiffeId, aliases, services } = summary;
  const labelText = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const head = [
    workload,
    `  identity         ${spiffeId ?? "none: it has no sidecar"}`,
    ...aliases.map((alias) => `  also known as    ${alias}`),
    `  service account  ${serviceAccount}`,
    `  sidecar          ${sidecar ? "yes" : "no"}: ${decidedBy}`,
    `  labels           ${labelText.join(", ") || "none"}`,
    `  services         ${services.join(", ") || "none"}`,
  ].join("\n");
  if (!sidecar) return `${head}\n\nwithout sidecar no policy is enforced on it\n`;
  return `${head}\n\n${portsText(summary)}\n${chainText(summary)}\n${policiesText(summary)}`;
}
