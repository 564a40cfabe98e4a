import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { chosenMesh, meshOverview } from "../../app/index.ts";
import type { Overview, WorkloadRow } from "../../dashboard-api/index.ts";
import { meshName } from "../context.ts";
import { EXIT } from "../exit-status.ts";
import { outputFormat, printStructured } from "../output.ts";
import { printFindings } from "../print-findings.ts";
import { formatTable } from "../table.ts";
import { formatAge } from "./get/age.ts";

export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("What is running, with which identity, and what is wrong. Ends with 1 when something is.")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText("after", "\nExamples:\n  symbolon status\n  symbolon status -o json")
    .action(async (flags: { output?: string }, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const overview = await meshOverview(chosenMesh(meshName(command), process.env));
      if (format) printStructured(format, overview);
      else printStatus(overview);
      if (!isHealthy(overview)) process.exitCode = EXIT.failed;
    });
}

function isHealthy({ workloads, findings, settled }: Overview): boolean {
  return settled && findings.length === 0 && workloads.every(({ ready }) => ready);
}

function printStatus(overview: Overview): void {
  const { mesh, trustDomain, configVersion, capture, workloadApi, workloads, findings, dashboardUrl } = overview;
  console.log(`mesh "${mesh}", trust domain ${trustDomain}, configuration ${configVersion}`);
  console.log(`capture ${capture.mode}: ${capture.reason}`);
  for (const warning of capture.warnings) console.log(`note: ${warning}`);
  if (workloadApi) console.log(`Workload API for processes outside pods unix://${workloadApi.socket}`);
  if (dashboardUrl) console.log(`dashboard ${dashboardUrl}`);
  const head = ["NAMESPACE", "POD", "READY", "MTLS", "IDENTITY", "CERTIFICATE", "CONFIGURATION"];
  const rows = workloads.map((row) => workloadLine(row, configVersion));
  console.log(`\n${formatTable([head, ...rows])}`.trimEnd());
  for (const row of workloads)
    if (!row.ready) console.error(`${row.namespace}/${row.pod}: ${row.reason ?? "starting"}`);
  printFindings(findings);
}

function workloadLine(row: WorkloadRow, newest: number): readonly string[] {
  return [
    row.namespace,
    row.pod,
    row.ready ? "yes" : "no",
    row.sidecar ? (row.mtlsMode?.toUpperCase() ?? "-") : "no sidecar",
    row.spiffeId ?? "-",
    row.certificateNotAfter ? `expires in ${timeLeft(row.certificateNotAfter)}` : "-",
    row.configVersion === undefined ? "-" : row.configVersion >= newest ? "current" : "behind",
  ];
}

function timeLeft(notAfter: string): string {
  // The age of a time that lies ahead, seen from there.
  return formatAge(systemClock.now().toISOString(), new Date(notAfter));
}
