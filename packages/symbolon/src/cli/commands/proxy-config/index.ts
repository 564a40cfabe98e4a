import type { Command } from "commander";
import { readProxyConfig, readProxyDump } from "../../../app/index.ts";
import type { MeshPaths } from "../../../core/index.ts";
import { choosePod } from "../../choose-pod.ts";
import { pathsOfChosenMesh } from "../../context.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { connectionTable } from "./connection-table.ts";
import { endpointRows, endpointTable } from "./endpoint-table.ts";
import { listenerRows, listenerTable } from "./listener-table.ts";
import { addLogQuestion } from "./log.ts";
import { type ProxySecrets, secretTable } from "./secret-table.ts";

export function addProxyConfigCommand(program: Command): void {
  const group = program
    .command("proxy-config")
    .alias("pc")
    .description("What a pod's proxy has now: certificates, connections, listeners, endpoints, log level.")
    .addHelpText(
      "after",
      `
Examples:
  symbolon proxy-config secret deploy/httpbin -n foo          certificates in use
  symbolon proxy-config connections deploy/httpbin -n foo     who is connected, and who was refused
  symbolon proxy-config listeners deploy/httpbin -n foo       ports and their mTLS modes
  symbolon proxy-config endpoints deploy/curl -n foo          where its calls go, and who may answer
  symbolon proxy-config log deploy/httpbin -n foo --level debug
  symbolon proxy-config all deploy/httpbin -n foo             everything, as JSON`,
    );
  addQuestion(group, "secret", "Certificates in use and trusted roots; never a key.", ["secrets", "s"], {
    ask: readProxyDump,
    json: ({ certificate, roots }): ProxySecrets => ({ certificate, roots }),
    text: secretTable,
  });
  addQuestion(
    group,
    "connections",
    "Open connections, and the newest that ended, with both identities or the reason of a refusal.",
    ["conn"],
    {
      ask: readProxyDump,
      json: ({ connections }) => connections,
      text: ({ connections }) => connectionTable(connections),
    },
  );
  addQuestion(
    group,
    "listeners",
    "Ports that the proxy takes connections on, and their mTLS modes.",
    ["listener", "l"],
    {
      ask: readProxyDump,
      json: listenerRows,
      text: (dump) => listenerTable(listenerRows(dump)),
    },
  );
  addQuestion(group, "endpoints", "Where the application's calls go, and who may answer.", ["endpoint", "ep"], {
    ask: readProxyConfig,
    json: (config) => (config ? endpointRows(config) : []),
    text: (config) => endpointTable(config ? endpointRows(config) : []),
  });
  addLogQuestion(group);
  addQuestion(group, "all", "State and configuration of the proxy, as JSON; never a key.", [], {
    ask: async (paths, podUid) => ({
      state: await readProxyDump(paths, podUid),
      configuration: await readProxyConfig(paths, podUid),
    }),
    json: (everything) => everything,
    text: (everything) => `${JSON.stringify(everything, undefined, 2)}\n`,
  });
}

function addQuestion<Answer>(
  group: Command,
  name: string,
  description: string,
  aliases: readonly string[],
  show: {
    readonly ask: (paths: MeshPaths, podUid: string) => Promise<Answer>;
    readonly json: (answer: Answer) => unknown;
    readonly text: (answer: Answer) => string;
  },
): void {
  group
    .command(`${name} <pod>`)
    .aliases([...aliases])
    .description(description)
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `\nExamples:\n  symbolon proxy-config ${name} deploy/httpbin -n foo\n  symbolon proxy-config ${name} httpbin-7c5ddbdf54-abcde.foo -o json`,
    )
    .action(async (pod: string, flags: { namespace: string; output?: string }, command: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const paths = pathsOfChosenMesh(command);
      const chosen = await choosePod(paths, pod, flags.namespace);
      const answer = await show.ask(paths, chosen.metadata.uid);
      if (format) printStructured(format, show.json(answer));
      else process.stdout.write(show.text(answer));
    });
}
