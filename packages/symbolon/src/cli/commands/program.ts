import type { Command } from "commander";
import { runProgram } from "../../programs/index.ts";

/** Built-in programs of the image map: what runs in place of the images of Istio's samples. */
export function addProgramCommand(program: Command): void {
  program
    .command("program <name> [args...]", { hidden: true })
    .description("run a built-in program: httpbin, tcp-echo, idle, fetch-url")
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (name: string, args: string[]) => {
      process.exitCode = await runProgram(name, args, { stdout: process.stdout, stderr: process.stderr });
    });
}
