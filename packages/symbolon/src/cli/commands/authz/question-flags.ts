import { isIP } from "node:net";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { type ProviderKeySet, parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { type Command, Option } from "commander";
import { canonicalServerName } from "../../../mesh/index.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { readTextFile } from "../../manifest-files.ts";
import { readNamespaceName } from "../../policy-set/name-options.ts";
import { addSourceOptions, collect, readPort, type SourceFlags } from "../../policy-set/policy-source.ts";
import { parseWorkloadName } from "../../policy-set/workload-name.ts";
import { readStandardInput } from "../../read-text.ts";
import type { AccessQuestion, CallerName } from "./access-question.ts";

/** Options of `can` and `explain`: one call, and where the policies are. */
export interface QuestionFlags extends SourceFlags {
  readonly from?: string;
  readonly plaintext?: boolean;
  readonly to?: string;
  readonly header: readonly string[];
  readonly host?: string;
  readonly port?: number;
  readonly jwt?: string;
  readonly jwks?: string;
  readonly sourceIp?: string;
  readonly remoteIp?: string;
  readonly destinationIp?: string;
  readonly sni?: string;
  readonly namespace: string;
  readonly output?: string;
}

export function addQuestionOptions(command: Command): Command {
  command
    .option("--to <namespace/workload>", "name of a Deployment, Pod or another workload")
    .option(
      "--from <namespace/workload>",
      "caller: a workload or service account, NAMESPACE/sa/NAME, or a SPIFFE ID; without it: plaintext from outside the mesh",
    )
    .option("--plaintext", "the caller connects without mutual TLS")
    .option("--port <number>", "the pod's port, or one of a Service; needed when the answer depends on it", readPort)
    .option("-H, --header <name=value>", "header of the request, again for more", collect, [])
    .option("--host <host>", "host of the request; needed when a policy looks at it")
    .option("--jwt <file>", "the caller's token; goes where RequestAuthentication looks for it")
    .option("--jwks <file>", "its issuer's keys, when the policy says where they are (jwksUri) and not what they are")
    .option("--source-ip <address>", "address of the caller; needed when a policy looks at it")
    .option("--remote-ip <address>", "address of the original client behind trusted proxies")
    .addOption(new Option("--destination-ip <address>", "address of the pod"))
    .addOption(new Option("--sni <name>", "server name of the TLS connection"));
  return addSourceOptions(command)
    .option(
      "-n, --namespace <namespace>",
      "namespace of objects and workloads that name none",
      readNamespaceName,
      "default",
    )
    .option("-o, --output <format>", "json or yaml");
}

/** @throws CommandExit with the usage status */
export async function readQuestion(
  flags: QuestionFlags,
  { method, path }: { readonly method: string | undefined; readonly path: string | undefined },
): Promise<AccessQuestion> {
  const { sourceIp, remoteIp, destinationIp, sni, port } = flags;
  if (flags.to === undefined) throw new CommandExit(EXIT.usage, "error: who is called? --to NAMESPACE/WORKLOAD");
  const to = parseWorkloadName(flags.to, flags.namespace, "--to");
  if (method !== undefined && !path?.startsWith("/"))
    throw new CommandExit(
      EXIT.usage,
      path === undefined
        ? 'error: give METHOD and PATH, like "GET /headers", or neither'
        : `error: PATH "${path}" does not begin with a slash, as in "GET /headers"`,
    );
  const isHttp = method !== undefined && path !== undefined;
  if (isHttp && !TOKEN.test(method)) throw new CommandExit(EXIT.usage, `error: "${method}" is no method of HTTP`);
  refuseContradictions(flags, isHttp);
  const headers = readHeaders(flags.header);
  const host = readHost(flags.host ?? headers.get("host")?.[0]);
  headers.delete("host");
  return {
    ...(flags.from === undefined ? {} : { from: readCaller(flags.from, flags.namespace) }),
    plaintext: flags.plaintext === true,
    to,
    ...(isHttp ? { request: { method, path, host: host ?? `${to.name}.${to.namespace}`, headers } } : {}),
    isHostGiven: host !== undefined,
    ...(port === undefined ? {} : { port }),
    ...(sourceIp === undefined ? {} : { sourceAddress: readAddress(sourceIp, "--source-ip") }),
    ...(remoteIp === undefined ? {} : { remoteAddress: readAddress(remoteIp, "--remote-ip") }),
    ...(destinationIp === undefined ? {} : { destinationAddress: readAddress(destinationIp, "--destination-ip") }),
    ...(sni === undefined ? {} : { sni: canonicalServerName(sni) }),
    ...(flags.jwt === undefined ? {} : { token: await readToken(flags.jwt) }),
    ...(flags.jwks === undefined ? {} : { jwks: readKeySet(flags.jwks) }),
  };
}

function readCaller(text: string, namespace: string): CallerName {
  if (text.startsWith("spiffe://")) return { as: "spiffe-id", spiffeId: readSpiffeId(text) };
  const [, accountNamespace, name] = /^([^/]+)\/(?:sa|serviceaccount)\/([^/]+)$/.exec(text) ?? [];
  if (accountNamespace !== undefined && name !== undefined)
    return { as: "service-account", namespace: accountNamespace, name };
  return { as: "workload", workload: parseWorkloadName(text, namespace, "--from") };
}

function readSpiffeId(text: string): string {
  try {
    return SpiffeId.parse(text).toString();
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    throw new CommandExit(EXIT.usage, `error: --from "${text}": ${error.message} (${error.code})`);
  }
}

/** A token in a file, with or without `Bearer` before it. */
async function readToken(path: string): Promise<string> {
  const text = path === "-" ? await readStandardInput() : readTextFile(path);
  const token = text.trim().replace(/^Bearer\s+/i, "");
  if (/^[\w.~+/=-]+$/.test(token)) return token;
  throw new CommandExit(EXIT.badInput, `error: "${path}" holds no token: wanted one line of three parts with dots`);
}

/** JSON of a JWK set with a key that can verify. */
function readKeySet(path: string): string {
  const text = readTextFile(path);
  const { kind } = parseProviderKeySet(text);
  if (kind === "ready") return text;
  throw new CommandExit(EXIT.badInput, `error: "${path}" is no JWK set: ${KEY_SET_PROBLEMS[kind]}`);
}

/** What says something that another option, or the lack of one, makes impossible. */
function refuseContradictions(flags: QuestionFlags, isHttp: boolean): void {
  if (!isHttp && (flags.header.length > 0 || flags.host !== undefined || flags.jwt !== undefined))
    throw new CommandExit(EXIT.usage, "error: -H, --host and --jwt belong to a request: give METHOD and PATH");
  if (flags.jwks !== undefined && flags.jwt === undefined)
    throw new CommandExit(EXIT.usage, "error: --jwks has the keys for a token: give --jwt, too");
  if (flags.plaintext && flags.sni !== undefined)
    throw new CommandExit(EXIT.usage, "error: --sni is a name of TLS, and --plaintext says that there is none");
}

function readHost(text: string | undefined): string | undefined {
  if (text === undefined || /^[^\s/?#@\\\p{Cc}]+$/u.test(text)) return text;
  throw new CommandExit(EXIT.usage, `error: "${text}" is no host; write it as in "foo.example" or "foo.example:8080"`);
}

/** One element a header line, in order; names in lower case, as the engine wants them. */
function readHeaders(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([^=:]+)(?:=|:\s*)(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new CommandExit(EXIT.usage, `error: -H "${line}" is not NAME=VALUE`);
    if (!TOKEN.test(name)) throw new CommandExit(EXIT.usage, `error: -H "${line}": "${name}" is no name of a header`);
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  return headers;
}

function readAddress(text: string, option: string): string {
  if (isIP(text) !== 0) return text;
  throw new CommandExit(EXIT.usage, `error: ${option} "${text}" is not an IP address`);
}

/** RFC 9110 §5.6.2: what a method or the name of a header is made of. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const KEY_SET_PROBLEMS: Readonly<Record<Exclude<ProviderKeySet["kind"], "ready">, string>> = {
  not_json: "it is no JSON object",
  no_keys: 'it has no member "keys"',
  keys_not_list: '"keys" is no list',
  no_valid_keys: "none of its keys can verify a signature with a supported algorithm",
};
