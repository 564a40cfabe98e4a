import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { Command } from "commander";
import { commandInPod, isAlive, readMeshProcesses } from "../../app/index.ts";
import { commandLineActor, podSubject } from "../administrative-command.ts";
import { choosePod } from "../choose-pod.ts";
import { apiOfChosenMesh, meshName, pathsOfChosenMesh } from "../context.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

export function addExecCommand(program: Command): void {
  program
    .command("exec <pod> [command...]")
    .description("Run a command inside a pod, as its application; ends with the command's own exit status.")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("-c, --container <name>", "which container (default: the first)")
    .option("-i, --stdin", "accepted for kubectl's sake: standard input is always passed on")
    .option("-t, --tty", "accepted for kubectl's sake: the terminal is always passed on")
    .passThroughOptions()
    .addHelpText(
      "after",
      `
Examples:
  symbolon exec deploy/curl -n foo -- curl -s http://httpbin.foo:8000/ip
  symbolon exec deploy/curl -n foo -- sh`,
    )
    .action(
      async (name: string, words: string[], options: { namespace: string; container?: string }, command: Command) => {
        const { namespace, container, mesh, argv } = kubectlOrder(words, options);
        if (mesh !== undefined) command.setOptionValueWithSource("name", mesh, "cli");
        if (argv.length === 0)
          throw new CommandExit(EXIT.usage, "error: what should be run? symbolon exec POD -- COMMAND [ARGUMENT...]");
        const paths = pathsOfChosenMesh(command);
        const supervisor = readMeshProcesses(paths)?.supervisor;
        if (!isAlive(supervisor))
          throw new CommandExit(
            EXIT.unavailable,
            `error: mesh "${meshName(command)}" is not running; start it with "symbolon up -f ..."`,
          );
        const pod = await choosePod(paths, name, namespace);
        const wanted = container ?? pod.spec.containers[0]?.name ?? "";
        const status = pod.status?.containerStatuses?.find((candidate) => candidate.name === wanted);
        if (status?.pid === undefined)
          throw new CommandExit(
            EXIT.failed,
            `error: container "${wanted}" of pod "${pod.metadata.name}" is not running; containers: ${pod.spec.containers.map((each) => each.name).join(", ")}`,
          );
        await apiOfChosenMesh(command).recordCommand({
          actor: commandLineActor(),
          subject: podSubject(pod),
          // Not the arguments: they may hold a secret.
          details: { command: "exec", container: wanted, program: argv[0] ?? "" },
        });
        const inside = commandInPod(paths, {
          supervisorPid: supervisor.pid,
          containerPid: status.pid,
          podUid: pod.metadata.uid,
          container: wanted,
          command: argv,
          environment: process.env.TERM ? { TERM: process.env.TERM } : {},
        });
        process.exitCode = await run(inside);
      },
    );
}

/** kubectl takes its options also between the pod and `--`; options of the command itself stay untouched behind `--`. */
function kubectlOrder(words: readonly string[], options: { namespace: string; container?: string }) {
  let { namespace, container } = options;
  let mesh: string | undefined;
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at];
    if (word === "-n" || word === "--namespace") namespace = words[++at] ?? namespace;
    else if (word === "-c" || word === "--container") container = words[++at] ?? container;
    else if (word === "--name") mesh = words[++at] ?? mesh;
    else if (word !== "-i" && word !== "-t" && word !== "-it" && word !== "--stdin" && word !== "--tty") break;
  }
  const argv = words.slice(words[at] === "--" ? at + 1 : at);
  return { namespace, container, mesh, argv };
}

function run({ argv, env, workingDirectory }: ReturnType<typeof commandInPod>): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    stdio: "inherit",
    env: { ...env },
    ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGTERM"]));
  });
}
