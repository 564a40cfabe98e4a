import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { SOCKET_OPTION, SOCKET_TEXT, withWorkloadApi } from "../../identity/workload-api.ts";
import { writeX509Context } from "../../identity/write-svids.ts";
import { outputFormat } from "../../output.ts";
import { printable } from "../../printable.ts";
import { stopOnSignal } from "../../stop-on-signal.ts";
import { writeLines } from "../../write-lines.ts";
import { describeX509Context, x509Lines } from "./fetch.ts";

interface Flags {
  readonly socket?: string;
  readonly write?: string;
  readonly output?: string;
}

export function addWatchCommand(group: Command): void {
  group
    .command("watch")
    .description("Follow this process's X.509-SVIDs: each rotation and each new bundle, until Ctrl-C.")
    .option(SOCKET_OPTION, SOCKET_TEXT)
    .option("--write <directory>", "keep the files of svid fetch x509 fresh there")
    .option("-o, --output <format>", "json: one object a line")
    .addHelpText(
      "after",
      `
The files are replaced all at once: key and certificate always belong together.
What interrupts it, a withdrawn identity too, is told on standard error, and it goes on by itself; files stay until the
next identity comes.
Exit status: 0 after Ctrl-C; 130 when a second one has to end it at once; 65 when the agent finds the request wrong or the directory cannot be used.

Examples:
  symbolon svid watch
  symbolon svid watch -o json | jq -r '.svids[0].notAfter'
  symbolon svid watch --write /run/db/identity     for programs that read files`,
    )
    .action(async (flags: Flags, command: Command) => {
      const format = outputFormat(flags.output, ["json"]);
      const signal = stopOnSignal({
        clock: systemClock,
        onSignal: (name, heard) => process.on(name, heard),
        exit: (status) => process.exit(status),
      });
      try {
        await withWorkloadApi(flags.socket, command, async (client) => {
          const onProblem = ({ error }: { readonly error: Error }): void =>
            void writeLines(process.stderr, [`waiting: ${error.message}`], signal);
          for await (const context of client.watchX509Context({ signal, onProblem })) {
            const now = new Date();
            if (flags.write !== undefined) writeX509Context(flags.write, context);
            const time = now.toISOString();
            const lines = format
              ? [JSON.stringify({ time, ...describeX509Context(context) })]
              : [time, ...x509Lines(context, now).map((line) => `  ${printable(line)}`)];
            await writeLines(process.stdout, lines, signal);
          }
        });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
}
