import { isSymbolonError } from "@symbolon/spiffe/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type ManifestText, MESH_CONFIG_NAMESPACE, MESH_KINDS } from "../../mesh/index.ts";
import { apiOfChosenMesh } from "../context.ts";
import { emitYaml } from "../emit-yaml.ts";
import { CommandExit, EXIT } from "../exit-status.ts";
import { collectManifests, readMeshConfig } from "../manifest-files.ts";
import { readStandardInput } from "../read-text.ts";
import { shortPath } from "../short-path.ts";
import { readNamespaceName, readTrustDomainName } from "./name-options.ts";
import { type PolicySet, readPolicySet } from "./policy-set.ts";

/** Options of every command that asks manifests or a running mesh. */
export interface SourceFlags {
  readonly filename: readonly string[];
  readonly recursive?: boolean;
  readonly meshConfig?: string;
  readonly trustDomain?: string;
  readonly rootNamespace?: string;
}

export function addSourceOptions(command: Command): Command {
  return command
    .option(
      "-f, --filename <path>",
      "file or directory with policies and workloads, - for standard input; without it: the running mesh",
      collect,
      [],
    )
    .option("-R, --recursive", "look into directories below")
    .option("--mesh-config <file>", "Istio's MeshConfig, as it stands in the ConfigMap istio under mesh")
    .addOption(
      new Option(
        "--trust-domain <name>",
        "trust domain, instead of the MeshConfig's (default: cluster.local)",
      ).argParser(readTrustDomainName),
    )
    .addOption(
      new Option(
        "--root-namespace <namespace>",
        "whose policies bind every namespace, instead of the MeshConfig's (default: istio-system)",
      ).argParser(readNamespaceName),
    );
}

export interface PolicyTexts {
  readonly origin: "files" | "mesh";
  readonly texts: readonly ManifestText[];
  /** Of a running mesh. */
  readonly trustDomain?: string;
  /** Of a running mesh: what it has fetched, by source. */
  readonly keySets?: KeySets;
}

/** JSON texts of JWK sets by `keySourceOf` the rule. */
export type KeySets = ReadonlyMap<string, string>;

/** The manifests that `-f` names, or the objects of the running mesh. @throws CommandExit, or ERR_API_UNREACHABLE */
export async function readPolicyTexts(flags: SourceFlags, command: Command): Promise<PolicyTexts> {
  const { filename: paths, recursive = false, meshConfig } = flags;
  if (paths.length > 0) {
    const manifests = await collectManifests({ paths, recursive, readStdin: readStandardInput });
    const all = meshConfig === undefined ? manifests : [...manifests, readMeshConfig(meshConfig)];
    return { origin: "files", texts: all.map((text) => ({ ...text, file: shortPath(text.file) })) };
  }
  if (meshConfig !== undefined)
    throw new CommandExit(EXIT.usage, "error: --mesh-config goes with -f: a running mesh has its own");
  return await readMesh(command);
}

/** Every object in force, as `get -o yaml` shows it; the file's name is what `get` is asked for. */
async function readMesh(command: Command): Promise<PolicyTexts> {
  const api = apiOfChosenMesh(command);
  const [{ trustDomain }, keySets, ...lists] = await Promise.all([
    api.status().catch(explainAbsence),
    api.keySets().catch(explainAbsence),
    ...MESH_KINDS.map((kind) => api.list(kind).catch(explainAbsence)),
  ]);
  const texts = lists.flat().map((object) => {
    const { namespace, name } = object.metadata;
    return { file: [object.kind.toLowerCase(), namespace, name].filter(Boolean).join("/"), text: emitYaml(object) };
  });
  return { origin: "mesh", texts, trustDomain, keySets: new Map(keySets.map(({ source, jwks }) => [source, jwks])) };
}

function explainAbsence(error: unknown): never {
  if (!isSymbolonError(error) || error.code !== "ERR_API_UNREACHABLE") throw error;
  throw new CommandExit(
    EXIT.unavailable,
    'error: no mesh is running, and no manifest was given; use "-f FILE", "-f DIRECTORY", start a mesh with "symbolon up -f ...", or say with --name which one is meant (ERR_API_UNREACHABLE)',
  );
}

export interface PolicySource {
  readonly set: PolicySet;
  readonly origin: PolicyTexts["origin"];
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly rootNamespace: string;
  readonly keySets?: KeySets;
}

/** @throws CommandExit, or ERR_API_UNREACHABLE */
export async function readPolicySource(
  flags: SourceFlags,
  command: Command,
  defaultNamespace: string,
): Promise<PolicySource> {
  const { texts, origin, trustDomain, keySets } = await readPolicyTexts(flags, command);
  const set = readPolicySet(texts, defaultNamespace);
  const { meshConfig } = set;
  return {
    set,
    origin,
    trustDomain: flags.trustDomain ?? trustDomain ?? meshConfig?.trustDomain ?? "cluster.local",
    trustDomainAliases: meshConfig?.trustDomainAliases ?? [],
    rootNamespace: flags.rootNamespace ?? meshConfig?.rootNamespace ?? MESH_CONFIG_NAMESPACE,
    ...(keySets ? { keySets } : {}),
  };
}

export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

export function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError("It must be a number, 1 to 65535.");
}
