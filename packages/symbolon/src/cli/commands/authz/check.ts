import type { Command } from "commander";
import { outputFormat, printStructured } from "../../output.ts";
import { readNamespaceName } from "../../policy-set/name-options.ts";
import { addSourceOptions, type SourceFlags } from "../../policy-set/policy-source.ts";
import { readSummary } from "../../policy-set/read-summary.ts";
import { policiesText, portsText } from "../../summary-text.ts";

interface Flags extends SourceFlags {
  readonly namespace: string;
  readonly output?: string;
}

export function addCheckCommand(group: Command): void {
  const command = group
    .command("check <workload>")
    .description("Which policies apply to a workload, in the order in which they are asked, and what they say.");
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
  symbolon authz check deploy/httpbin -n bar            in the running mesh
  symbolon authz check bar/httpbin -f manifests/`,
    )
    .action(async (workload: string, flags: Flags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const summary = await readSummary(workload, flags, self);
      if (format) {
        const { authorizationPolicies, requestAuthentications, ports, sidecar, decidedBy } = summary;
        const data = { workload: summary.workload, sidecar, decidedBy, ports };
        printStructured(format, { ...data, requestAuthentications, authorizationPolicies });
        return;
      }
      console.log(summary.workload);
      if (!summary.sidecar) return console.log(`has no sidecar (${summary.decidedBy}), so that no policy is enforced`);
      process.stdout.write(`${policiesText(summary)}\n${portsText(summary)}`);
    });
}
