import { formatFinding, hasErrors } from "@symbolon/policy";
import type { Command } from "commander";
import { CommandExit, EXIT } from "../exit-status.ts";
import { printFindings } from "../print-findings.ts";
import { readPolicySource, type SourceFlags } from "./policy-source.ts";
import { summarizeWorkload, type WorkloadSummary } from "./workload-summary.ts";

/** @throws CommandExit when the manifests have errors, or there is no such workload */
export async function readSummary(
  workload: string,
  flags: SourceFlags & { readonly namespace: string },
  command: Command,
): Promise<WorkloadSummary> {
  const source = await readPolicySource(flags, command, flags.namespace);
  const { findings } = source.set;
  printFindings(findings.filter(({ severity }) => severity === "error").map(formatFinding));
  if (hasErrors(findings)) throw new CommandExit(EXIT.badInput, "error: the manifests have errors");
  return summarizeWorkload(workload, flags.namespace, source);
}
