import { FINDING_CODES, type FindingInfo, type Severity } from "../document/index.ts";
import { ANALYSIS_CODES } from "./analysis-codes.ts";
import type { AnalysisFinding } from "./analysis-finding.ts";

export interface SarifOptions {
  /** Version of the program that made the findings. */
  readonly toolVersion?: string;
}

/** Findings as SARIF 2.1.0, which code hosts show beside the lines. Paths are as given: relative ones are what hosts want. */
export function findingsToSarif(findings: readonly AnalysisFinding[], { toolVersion }: SarifOptions = {}): string {
  const codes = [...new Set(findings.map(({ code }) => code))].sort();
  const ruleIndex = new Map(codes.map((code, index) => [code, index]));
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "symbolon",
            ...(toolVersion === undefined ? {} : { version: toolVersion }),
            rules: codes.map((code) => ruleOf(code, findings)),
          },
        },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => resultOf(finding, ruleIndex.get(finding.code) ?? 0)),
      },
    ],
  };
  return JSON.stringify(log, undefined, 2);
}

function ruleOf(code: string, findings: readonly AnalysisFinding[]) {
  const catalogue: Readonly<Record<string, FindingInfo>> = { ...FINDING_CODES, ...ANALYSIS_CODES };
  const info = catalogue[code];
  const first = findings.find((finding) => finding.code === code);
  return {
    id: code,
    shortDescription: { text: info?.title ?? code },
    help: { text: info?.fix ?? first?.fix ?? "" },
    defaultConfiguration: { level: LEVELS[info?.severity ?? first?.severity ?? "warning"] },
  };
}

function resultOf(finding: AnalysisFinding, ruleIndex: number) {
  const { code, severity, message, path, position, object, fix, istioCode, kialiCode } = finding;
  const name = `${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}`;
  return {
    ruleId: code,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: path === "" ? message : `${path}: ${message}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(position.file) },
          region: { startLine: position.line, startColumn: position.column },
        },
        logicalLocations: [{ fullyQualifiedName: name, kind: "resource" }],
      },
    ],
    properties: {
      fix,
      ...(istioCode === undefined ? {} : { istioCode }),
      ...(kialiCode === undefined ? {} : { kialiCode }),
    },
  };
}

/** A path as a relative or absolute-path reference of RFC 3986. */
function uriOf(file: string): string {
  const uri = file.split("/").map(encodePart).join("/");
  // "a:b" at the start would be read as a scheme.
  return /^[^/]*%3A/.test(uri) ? `./${uri}` : uri;
}

/** A lone surrogate has no UTF-8 form. */
function encodePart(part: string): string {
  return encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\ufffd"));
}

const LEVELS = { error: "error", warning: "warning", info: "note" } as const satisfies Readonly<
  Record<Severity, string>
>;
