import {
  type AnalysisFinding,
  analyzeDocuments,
  findingsToJson,
  findingsToSarif,
  type MeshSecurityConfig,
  parseMeshConfig,
  renderFindings,
  requireParsed,
  type Severity,
  withDetails,
} from "@symbolon/policy";
import { type Command, Option } from "commander";
import { CommandExit, EXIT } from "../exit-status.ts";
import { outputFormat, printStructured } from "../output.ts";
import { readNamespaceName } from "../policy-set/name-options.ts";
import { isPolicyDocument, type PolicyDocuments, readPolicyDocuments } from "../policy-set/policy-documents.ts";
import { addSourceOptions, readPolicyTexts, type SourceFlags } from "../policy-set/policy-source.ts";
import { PRODUCT_VERSION } from "./version.ts";

interface Flags extends SourceFlags {
  readonly namespace: string;
  readonly severity?: Severity;
  readonly output?: string;
}

export function addAnalyzeCommand(program: Command): void {
  const command = program
    .command("analyze [paths...]")
    .description(
      "What is wrong or probably not meant in policies: mistakes of one policy, and of all policies and workloads together.\nOf files and directories, or of the running mesh. Ends with 79 when there is a warning or an error.",
    );
  addSourceOptions(command)
    .option("-n, --namespace <namespace>", "namespace of objects that name none", readNamespaceName, "default")
    .addOption(
      new Option(
        "--severity <level>",
        "show findings of this severity and above only, and end with 79 when there is one",
      ).choices(SEVERITIES),
    )
    .option("-o, --output <format>", "json, yaml or sarif")
    .addHelpText(
      "after",
      `
Examples:
  symbolon analyze manifests/
  symbolon analyze mesh.yaml policies.yaml --severity error
  symbolon analyze -R . -o sarif > findings.sarif      for code hosts
  cat policy.yaml | symbolon analyze -
  symbolon analyze                                     what is in force in the running mesh`,
    )
    .action(async (paths: readonly string[], flags: Flags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml", "sarif"]);
      const filename = [...paths, ...flags.filename];
      const { texts, origin, trustDomain } = await readPolicyTexts({ ...flags, filename }, self).catch(explainUsage);
      const read = readPolicyDocuments(texts);
      const names = trustDomain === undefined ? flags : { ...flags, trustDomain };
      const found = allFindings(read, flags.namespace, names);
      const { severity } = flags;
      const findings = severity === undefined ? found : found.filter((finding) => isAtLeast(finding, severity));
      const isFailure = findings.some((finding) => isAtLeast(finding, severity ?? "warning"));
      switch (format) {
        case "json":
          console.log(findingsToJson(findings));
          break;
        case "yaml":
          printStructured("yaml", JSON.parse(findingsToJson(findings)));
          break;
        case "sarif":
          console.log(findingsToSarif(findings, { toolVersion: PRODUCT_VERSION }));
          break;
        default:
          if (findings.length > 0)
            console.log(renderFindings(findings, new Map(texts.map(({ file, text }) => [file, text]))));
          else if (!read.documents.some(isPolicyDocument))
            console.log("no policy was found: there is nothing to analyze");
          else console.log(`no findings in ${countText(read)}${origin === "mesh" ? " of the running mesh" : ""}`);
      }
      if (isFailure) process.exitCode = EXIT.findings;
    });
}

/** Nothing was named and nothing runs: here that is a mistake of the command line. */
function explainUsage(error: unknown): never {
  if (!(error instanceof CommandExit) || error.status !== EXIT.unavailable) throw error;
  throw new CommandExit(
    EXIT.usage,
    'error: nothing to analyze: name files or directories, like "symbolon analyze manifests/"; without any the running mesh is analyzed, and none is running',
  );
}

function allFindings(
  { documents, findings, meshConfig }: PolicyDocuments,
  defaultNamespace: string,
  known: KnownNames,
): readonly AnalysisFinding[] {
  const config = configOf(meshConfig, known);
  const analyzed = analyzeDocuments(documents, { defaultNamespace, ...(config ? { meshConfig: config } : {}) });
  const unnamed = findings.map((finding) => {
    const { position } = finding;
    const name = `${position.file}:${position.line}`;
    return withDetails(finding, { kind: "Document", namespace: "", name, position });
  });
  return [...unnamed, ...analyzed].sort(byPlace);
}

/** What is known of a mesh besides its MeshConfig, and before it. */
type KnownNames = Pick<SourceFlags, "trustDomain" | "rootNamespace">;

/** Istio's defaults where there is no MeshConfig; without any name, nothing is known, and what it would say is not judged. */
function configOf(
  written: MeshSecurityConfig | undefined,
  { trustDomain, rootNamespace }: KnownNames,
): MeshSecurityConfig | undefined {
  if (trustDomain === undefined && rootNamespace === undefined) return written;
  const position = { file: "", line: 1, column: 1 };
  return {
    ...(written ?? requireParsed(parseMeshConfig({ kind: "map", position, entries: [] }))),
    ...(trustDomain === undefined ? {} : { trustDomain }),
    ...(rootNamespace === undefined ? {} : { rootNamespace }),
  };
}

/** "12 policies among 20 objects" */
function countText({ documents }: PolicyDocuments): string {
  const policies = documents.filter(isPolicyDocument).length;
  return `${policies} ${policies === 1 ? "policy" : "policies"} among ${documents.length} ${documents.length === 1 ? "object" : "objects"}`;
}

function byPlace({ position: a }: AnalysisFinding, { position: b }: AnalysisFinding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

function isAtLeast({ severity }: AnalysisFinding, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least);
}

/** The worst first. */
const SEVERITIES: readonly Severity[] = ["error", "warning", "info"];
