import { isSymbolonError } from "@symbolon/spiffe/core";
import { Command, CommanderError, Help, type Option } from "commander";
import { DEFAULT_MESH_NAME } from "../app/index.ts";
import { errorInfo } from "../core/index.ts";
import { commands } from "./command-list.ts";
import { CommandExit, EXIT } from "./exit-status.ts";

const EXAMPLES = `
Examples:
  symbolon up -f mesh.yaml                                   run the manifests; Ctrl-C stops everything
  symbolon up -f mesh.yaml --detach                          the same in the background
  symbolon exec deploy/curl -n foo -- curl -s http://httpbin.foo:8000/ip
  symbolon apply -f strict.yaml                              change what is running
  symbolon proxy-config secret deploy/httpbin -n foo         which certificate a proxy uses
  symbolon analyze manifests/                                mistakes in policies, with the line and the fix
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f mesh.yaml
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers -f mesh.yaml
  symbolon describe deploy/httpbin -n foo                    identity, mutual TLS per port, policies
  symbolon status                                            what is running, and what is wrong
  symbolon down                                              stop everything

Exit status: 0 done, 1 failed, 64 usage, 65 bad input (file:line:column on standard error), 69 mesh not running,
79 "analyze" found something, or "strict" a caller that would be refused. "exec" ends with the status of the program
that it ran, "authz can" and "authz explain --to" with 0 allowed, 1 denied, 2 cannot say.`;

const MESH_OPTION = "--name <mesh>";
const MESH_OPTION_TEXT = "which mesh, when several run on this machine";
/** Commands that are about no mesh, or whose options are another program's. */
const MESHLESS = ["version", "jwt", "internal", "program"];

/** Runs one command line and ends the process with its status. */
export async function main(argv: readonly string[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", endUnread);
  process.exitCode = await runCommandLine(argv);
}

/** Whoever reads may stop to, as `head` does: there is nothing more to do then, and nothing wrong. */
function endUnread(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}

async function runCommandLine(argv: readonly string[]): Promise<number> {
  const program = new Command("symbolon")
    .description(
      "Workload identity and zero-trust traffic security: SPIFFE identities and mutual TLS for unmodified programs.",
    )
    .option(MESH_OPTION, MESH_OPTION_TEXT, DEFAULT_MESH_NAME)
    .addHelpText("after", EXAMPLES)
    .configureHelp({ optionDescription })
    .enablePositionalOptions()
    .showHelpAfterError("(symbolon --help, or symbolon COMMAND --help, shows the usage)")
    .exitOverride();
  commands.forEach((add) => {
    add(program);
  });
  for (const command of allCommands(program)) command.exitOverride().showHelpAfterError("(add --help for the usage)");
  for (const command of program.commands.filter((each) => !MESHLESS.includes(each.name())))
    for (const each of [command, ...allCommands(command)]) each.option(MESH_OPTION, MESH_OPTION_TEXT);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : EXIT.ok;
  } catch (error) {
    return explain(error);
  }
}

/** Where the message cannot say it, because processes of the mesh write the same one into their logs. */
const NEXT_STEPS: ReadonlyMap<string, string> = new Map([
  [
    "ERR_AUDIT_FULL",
    "nothing was done; make room on that disk and try again, or start the mesh with --audit-full degrade",
  ],
  ["ERR_AUDIT_UNWRITABLE", "nothing was done; see that the mesh's user may write there, and try again"],
  [
    "ERR_STATE_UNWRITABLE",
    "nothing was changed; make room on that disk, see that the mesh's user may write there, and try again",
  ],
]);

/** Says what went wrong on standard error. @returns the exit status */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CommandExit) {
    if (error.message) console.error(error.message);
    return error.status;
  }
  if (isSymbolonError(error)) {
    console.error(`error: ${error.message} (${error.code})`);
    const next = NEXT_STEPS.get(error.code);
    if (next !== undefined) console.error(`next: ${next}`);
    if (errorInfo(error).status === "invalid_argument") return EXIT.badInput;
    // A mesh that answers is there, however little it can do, with its disk full for one.
    return error.code.endsWith("_UNREACHABLE") ? EXIT.unavailable : EXIT.failed;
  }
  console.error("internal error; please report it with the lines below");
  console.error(error);
  return EXIT.failed;
}

/** Without "(default: [])", which says nothing. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option);
  return Array.isArray(option.defaultValue) ? text.replace(" (default: [])", "") : text;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}
