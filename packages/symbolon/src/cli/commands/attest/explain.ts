import type { Command } from "commander";
import { examineProcess } from "../../../app/index.ts";
import { pathsOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { examinationText } from "./examination-text.ts";
import { structuredExamination } from "./structured-examination.ts";

const MAX_PID = 2 ** 22;

export function addExplainCommand(attest: Command): void {
  attest
    .command("explain")
    .description("What identity a process has: its selectors, each entry's first difference, lifetimes and why.")
    .requiredOption("--pid <id>", "process id on this machine")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `
Looks with your rights, as the agent looks with those of the user who started the mesh.
Ends with 0 when the process has an identity, with 1 when it has none.

Examples:
  symbolon attest explain --pid $$
  symbolon attest explain --pid $(pgrep -o nginx) -o json`,
    )
    .action(async (flags: { readonly pid: string; readonly output?: string }, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const pid = parsePid(flags.pid);
      const examination = await examineProcess(pathsOfChosenMesh(command), pid);
      if (format) printStructured(format, structuredExamination(pid, examination));
      else process.stdout.write(examinationText(pid, examination));
      const isSomebody =
        examination.place === "pod" ||
        (examination.place === "host" && examination.entries.some(({ difference }) => !difference));
      process.exitCode = isSomebody ? EXIT.ok : EXIT.failed;
    });
}

function parsePid(text: string): number {
  const pid = /^\d+$/.test(text) ? Number(text) : 0;
  if (pid >= 1 && pid <= MAX_PID) return pid;
  throw new CommandExit(EXIT.usage, `error: --pid "${text}" is not a process id (1 to ${MAX_PID})`);
}
