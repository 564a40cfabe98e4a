import type { Command } from "commander";
import { SOCKET_OPTION, SOCKET_TEXT, withWorkloadApi } from "../../identity/workload-api.ts";
import { writeX509Context } from "../../identity/write-svids.ts";
import { outputFormat } from "../../output.ts";
import { describeX509Context, printLines, x509Lines } from "./fetch.ts";

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
Exit status: 0 after Ctrl-C, 65 when the agent finds the request wrong or the directory cannot be used.

Examples:
  symbolon svid watch
  symbolon svid watch -o json | jq -r '.svids[0].notAfter'
  symbolon svid watch --write /run/db/identity     for programs that read files`,
    )
    .action(async (flags: Flags, command: Command) => {
      const format = outputFormat(flags.output, ["json"]);
      const stopping = new AbortController();
      // Ctrl-C comes twice where a launcher passes it on: from the terminal and from the launcher.
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());
      try {
        await withWorkloadApi(flags.socket, command, async (client) => {
          const onProblem = ({ error }: { readonly error: Error }): void => console.error(`waiting: ${error.message}`);
          for await (const context of client.watchX509Context({ signal: stopping.signal, onProblem })) {
            const now = new Date();
            if (flags.write !== undefined) writeX509Context(flags.write, context);
            if (format) console.log(JSON.stringify({ time: now.toISOString(), ...describeX509Context(context) }));
            else printLines([now.toISOString(), ...x509Lines(context, now).map((line) => `  ${line}`)]);
          }
        });
      } catch (error) {
        if (!stopping.signal.aborted) throw error;
      }
    });
}
