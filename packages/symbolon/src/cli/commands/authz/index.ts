import { relative } from "node:path";
import { formatFinding, hasErrors } from "@symbolon/policy";
import { type Command, InvalidArgumentError } from "commander";
import { readStandardInput } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { collectManifests } from "../../manifest-files.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { printFindings } from "../../print-findings.ts";
import { type AccessAnswer, type AccessQuestion, answerAccess } from "./can-answer.ts";
import { readPolicySet } from "./policy-set.ts";

interface CanFlags {
  readonly from?: string;
  readonly to: string;
  readonly header: readonly string[];
  readonly port?: number;
  readonly sourceIp?: string;
  readonly filename: readonly string[];
  readonly recursive?: boolean;
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly output?: string;
}

export function addAuthzCommand(program: Command): void {
  const group = program.command("authz").description("Who may call whom, as manifests say; no mesh needs to run.");
  group
    .command("can [method] [path]")
    .description(
      "Whether a caller may send a request to a workload; without METHOD and PATH, whether it may open a connection.\nEnds with 0 when it may, 1 when not, 2 when the manifests do not tell.",
    )
    .option("--from <namespace/serviceaccount>", "identity of the caller; without it: plaintext from outside the mesh")
    .requiredOption("--to <namespace/workload>", "name of a Deployment or Pod")
    .option("-H, --header <name=value>", "header of the request, again for more", collect, [])
    .option("--port <number>", "the pod's port; needed when the answer depends on it", readPort)
    .option("--source-ip <address>", "address of the caller; needed when a policy looks at it")
    .option("-f, --filename <path>", "file or directory with policies and workloads, - for standard input", collect, [])
    .option("-R, --recursive", "look into directories below")
    .option("--trust-domain <name>", "trust domain of the mesh", "cluster.local")
    .option("--root-namespace <namespace>", "whose policies bind every namespace", "istio-system")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f manifests/
  symbolon authz can --from foo/curl --to bar/httpbin POST /admin -H x-token=a --port 8080 -f mesh.yaml -o json
  symbolon authz can --to bar/redis --port 6379 -f manifests/       plaintext TCP from outside the mesh`,
    )
    .action(async (method: string | undefined, path: string | undefined, flags: CanFlags) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const question = readQuestion(flags, { method, path });
      const texts = await collectManifests({
        paths: flags.filename,
        recursive: flags.recursive === true,
        readStdin: readStandardInput,
      });
      const set = readPolicySet(texts, "default");
      printFindings(set.findings.filter(({ severity }) => severity !== "info").map(formatFinding));
      if (hasErrors(set.findings)) throw new CommandExit(EXIT.badInput, "error: the manifests have errors");
      const answer = answerAccess(question, set);
      if (format) printStructured(format, answer);
      else printAnswer(answer);
      process.exitCode = STATUS[answer.outcome];
    });
}

function readQuestion(
  flags: CanFlags,
  { method, path }: { readonly method: string | undefined; readonly path: string | undefined },
): AccessQuestion {
  const to = readPair(flags.to, "--to", "NAMESPACE/WORKLOAD");
  const from = flags.from === undefined ? undefined : readPair(flags.from, "--from", "NAMESPACE/SERVICEACCOUNT");
  if (method !== undefined && !path?.startsWith("/"))
    throw new CommandExit(EXIT.usage, 'error: give METHOD and PATH, like "GET /headers", or neither');
  const headers = readHeaders(flags.header);
  const host = headers.get("host")?.[0];
  headers.delete("host");
  return {
    ...(from ? { from: { namespace: from[0], serviceAccount: from[1] } } : {}),
    to: { namespace: to[0], name: to[1] },
    ...(method !== undefined && path !== undefined
      ? { request: { method, path, host: host ?? `${to[1]}.${to[0]}`, headers } }
      : {}),
    isHostGiven: host !== undefined,
    ...(flags.port === undefined ? {} : { port: flags.port }),
    ...(flags.sourceIp === undefined ? {} : { sourceAddress: flags.sourceIp }),
    trustDomain: flags.trustDomain,
    rootNamespace: flags.rootNamespace,
  };
}

function printAnswer({ text, policy, rule, port }: AccessAnswer): void {
  console.log(text);
  if (policy) {
    const which = rule === undefined ? "" : `, rule ${rule}`;
    console.log(`policy ${policy.namespace}/${policy.name}${which} (${shortPath(policy.file)}:${policy.line})`);
  }
  if (port !== undefined) console.log(`port ${port}`);
}

/** As the user would type it. */
function shortPath(file: string): string {
  const short = file.startsWith("/") ? relative(process.cwd(), file) : file;
  return short.startsWith("..") ? file : short;
}

function readPair(text: string, option: string, form: string): readonly [string, string] {
  const [namespace = "", name = "", ...rest] = text.split("/");
  if (namespace !== "" && name !== "" && rest.length === 0) return [namespace, name];
  throw new CommandExit(EXIT.usage, `error: ${option} "${text}" is not ${form}, like foo/curl`);
}

/** One element a header line, in order; names in lower case, as the engine wants them. */
function readHeaders(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 1) throw new CommandExit(EXIT.usage, `error: -H "${line}" is not NAME=VALUE`);
    const name = line.slice(0, equals).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(equals + 1)]);
  }
  return headers;
}

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError("It must be a number, 1 to 65535.");
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** 0 and 1 as `grep` has them; 2: no answer. */
const STATUS: Readonly<Record<AccessAnswer["outcome"], number>> = { allow: 0, deny: 1, unknown: 2 };
