import type { Command } from "commander";
import { type LabelSelector, type PresentedObject, parseLabelSelector, selectorMatches } from "../../../mesh/index.ts";
import { apiOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { printStructured } from "../../output.ts";
import { type GetRequest, parseGetArguments } from "./arguments.ts";
import { renderJsonPath } from "./json-path.ts";
import { parseOutput } from "./output-option.ts";
import { printTables } from "./print-tables.ts";

interface Flags {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly output?: string;
  readonly headers: boolean;
}

export function addGetCommand(program: Command): void {
  program
    .command("get <kinds> [names...]")
    .description("Show objects, as kubectl does.")
    .option("-n, --namespace <namespace>", "namespace", "default")
    .option("-A, --all-namespaces", "of every namespace")
    .option("-l, --selector <labels>", "only objects with these labels, such as app=web,tier!=db")
    .option("-o, --output <format>", "wide, json, yaml, name or jsonpath=TEMPLATE")
    .option("--no-headers", "a table without its first line")
    .addHelpText(
      "after",
      `
Kinds: pods (po), deployments (deploy), services (svc), namespaces (ns), serviceaccounts (sa), peerauthentications (pa), clusterstaticentries (entry), all

Examples:
  symbolon get pods -A -o wide
  symbolon get deploy,svc -n foo
  symbolon get pod httpbin-7c5ddbdf54-abcde -n foo -o yaml
  symbolon get pods -l app=httpbin -o jsonpath={.items[0].metadata.name}`,
    )
    .action(async (kinds: string, names: readonly string[], flags: Flags, command: Command) => {
      const request = parseGetArguments(kinds, names);
      const output = parseOutput(flags.output);
      const selector = flags.selector === undefined ? undefined : readSelector(flags.selector);
      const all = flags.allNamespaces === true;
      if (all && request.names !== undefined)
        throw new CommandExit(EXIT.usage, "error: an object cannot be chosen by name in all namespaces; use -n");
      const api = apiOfChosenMesh(command);
      const listed = await Promise.all(
        request.kinds.map(({ kind }) => api.list(kind, all ? {} : { namespace: flags.namespace })),
      );
      const objects = choose(listed.flat(), request, selector);
      const one = request.names?.length === 1 && request.kinds.length === 1 ? objects[0] : undefined;
      const value = one ?? { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: objects };
      switch (output.kind) {
        case "json":
        case "yaml":
          return printStructured(output.kind, value);
        case "jsonpath":
          return void process.stdout.write(renderJsonPath(output.template, value));
        case "name":
          for (const object of objects) console.log(`${request.resource(object.kind)}/${object.metadata.name}`);
          return;
        case "table":
          printTables(objects, {
            ...output,
            withNamespace: all,
            headers: flags.headers,
            place: all ? undefined : flags.namespace,
          });
      }
    });
}

function readSelector(text: string): LabelSelector {
  const parsed = parseLabelSelector(text);
  if (!("error" in parsed)) return parsed;
  throw new CommandExit(EXIT.usage, `error: -l "${text}": ${parsed.error}`);
}

/** @throws CommandExit when an object that was named is not there, as kubectl says it */
function choose(
  objects: readonly PresentedObject[],
  request: GetRequest,
  selector: LabelSelector | undefined,
): readonly PresentedObject[] {
  const selected = objects.filter(
    ({ metadata }) => selector === undefined || selectorMatches(selector, metadata.labels ?? {}),
  );
  if (request.names === undefined) return selected;
  return request.names.map(({ kind, name }) => {
    const found = selected.find((object) => object.kind === kind && object.metadata.name === name);
    if (found) return found;
    throw new CommandExit(EXIT.failed, `Error from server (NotFound): ${request.resource(kind)} "${name}" not found`);
  });
}
