import type { Finding, Severity, SourcePosition } from "../document/index.ts";
import type { ResourceReference } from "../object-envelope.ts";
import { ANALYSIS_CODES, type AnalysisCode, type AnalysisInfo } from "./analysis-codes.ts";

export interface AnalysisFinding extends Finding {
  /** The object that it is about. */
  readonly object: ResourceReference;
  /** What to do about it. */
  readonly fix: string;
  readonly istioCode?: string;
  readonly kialiCode?: string;
}

export interface FindingDetails {
  readonly path: string;
  readonly message: string;
  /** The object's when absent. */
  readonly position?: SourcePosition;
  /** More precise than the catalogue's. */
  readonly fix?: string;
  /** Milder than the catalogue's. */
  readonly severity?: Severity;
}

export type Report = (code: AnalysisCode, object: ResourceReference, details: FindingDetails) => void;

export function analysisFinding(
  code: AnalysisCode,
  object: ResourceReference,
  { path, message, position, fix, severity }: FindingDetails,
): AnalysisFinding {
  const info: AnalysisInfo = ANALYSIS_CODES[code];
  const { kind, namespace, name } = object;
  return {
    code,
    severity: severity ?? info.severity,
    message,
    path,
    position: position ?? object.position,
    object: { kind, namespace, name, position: object.position },
    fix: fix ?? info.fix,
    ...(info.istioCode === undefined ? {} : { istioCode: info.istioCode }),
    ...(info.kialiCode === undefined ? {} : { kialiCode: info.kialiCode }),
  };
}
