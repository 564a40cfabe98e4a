import type { Command } from "commander";
import { readProxyDump } from "../../../app/index.ts";
import { choosePod } from "../../choose-pod.ts";
import { pathsOfChosenMesh } from "../../context.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { connectionTable } from "./connection-table.ts";
import { type ProxySecrets, secretTable } from "./secret-table.ts";

export function addProxyConfigCommand(program: Command): void {
  const group = program
    .command("proxy-config")
    .alias("pc")
    .description("What a pod's proxy has now: certificates, connections, listeners.");
  addQuestion(group, "secret", "Certificates in use and trusted roots; never a key.", ["secrets", "s"], {
    json: ({ certificate, roots }): ProxySecrets => ({ certificate, roots }),
    text: secretTable,
  });
  addQuestion(
    group,
    "connections",
    "Open connections, and the newest that ended, with both identities or the reason of a refusal.",
    ["conn"],
    {
      json: ({ connections }) => connections,
      text: ({ connections }) => connectionTable(connections),
    },
  );
  addQuestion(group, "listeners", "Ports that the proxy takes connections on, and their mTLS modes.", ["l"], {
    json: ({ listeners, local }) => ({
      listeners,
      inbound: local?.inboundPorts ?? [],
      inboundMode: local?.inboundMode,
    }),
    text: ({ listeners, local }) =>
      `outbound and inbound: ${listeners.join(", ")}\n${(local?.inboundPorts ?? []).map(({ port, mode, decidedBy }) => `inbound ${port}: ${mode.toUpperCase()} (${decidedBy})\n`).join("")}`,
  });
}

type Dump = Awaited<ReturnType<typeof readProxyDump>>;

function addQuestion(
  group: Command,
  name: string,
  description: string,
  aliases: readonly string[],
  show: { readonly json: (dump: Dump) => unknown; readonly text: (dump: Dump) => string },
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
      const dump = await readProxyDump(paths, chosen.metadata.uid);
      if (format) printStructured(format, show.json(dump));
      else process.stdout.write(show.text(dump));
    });
}
