export { ANALYSIS_CODES, type AnalysisCode, type AnalysisInfo } from "./analysis-codes.ts";
export type { AnalysisFinding } from "./analysis-finding.ts";
export {
  type AnalysisInput,
  type AnalyzedControlPlane,
  type AnalyzedService,
  type AnalyzedServicePort,
  type AnalyzedWorkload,
  declaredProtocol,
  type MeshInventory,
} from "./analysis-input.ts";
export { analyze } from "./analyze.ts";
export { type AnalyzeDocumentsOptions, analyzeDocuments } from "./analyze-documents.ts";
export { type DescribeOptions, describePolicy } from "./describe-policy.ts";
export { withDetails } from "./finding-details.ts";
export { findingsToSarif, type SarifOptions } from "./findings-to-sarif.ts";
export { readInventory } from "./read-inventory.ts";
export { findingsToJson, renderFindings } from "./render-findings.ts";
