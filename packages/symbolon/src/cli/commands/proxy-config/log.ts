import { type Command, Option } from "commander";
import { LOG_LEVELS, type LogLevel, proxyLogLevel } from "../../../app/index.ts";
import { commandLineActor, podSubject } from "../../administrative-command.ts";
import { choosePod } from "../../choose-pod.ts";
import { apiOfChosenMesh, pathsOfChosenMesh } from "../../context.ts";

export function addLogQuestion(group: Command): void {
  group
    .command("log <pod>")
    .description("Level of a proxy's log; --level changes it until the proxy ends.")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .addOption(new Option("--level <level>", "the new level").choices([...LOG_LEVELS]))
    .addHelpText(
      "after",
      `
Examples:
  symbolon proxy-config log deploy/httpbin -n foo
  symbolon proxy-config log deploy/httpbin -n foo --level debug
  symbolon logs deploy/httpbin -n foo -c istio-proxy -f         what it writes`,
    )
    .action(async (pod: string, flags: { namespace: string; level?: LogLevel }, command: Command) => {
      const paths = pathsOfChosenMesh(command);
      const chosen = await choosePod(paths, pod, flags.namespace);
      if (flags.level !== undefined)
        await apiOfChosenMesh(command).recordCommand({
          actor: commandLineActor(),
          subject: podSubject(chosen),
          details: { command: "proxy-config log", level: flags.level },
        });
      process.stdout.write(`level: ${await proxyLogLevel(paths, chosen.metadata.uid, flags.level)}\n`);
    });
}
