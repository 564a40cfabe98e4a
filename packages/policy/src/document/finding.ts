import type { SourcePosition } from "./document-node.ts";
import { FINDING_CODES, type FindingCode, type Severity } from "./finding-codes.ts";

/** What is wrong with a document, or worth knowing about it. `code` is stable; `message` is for people. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** Field in the object, as `spec.ports[0].name` or `metadata.labels["app.kubernetes.io/name"]`; empty for the whole document. */
  readonly path: string;
  readonly position: SourcePosition;
}

export interface FindingPlace {
  readonly path: string;
  readonly position: SourcePosition;
}

/** A finding of this package's catalogue, with the catalogue's severity. */
export function createFinding(code: FindingCode, place: FindingPlace, message: string): Finding {
  const { path, position } = place;
  return { code, severity: FINDING_CODES[code].severity, message, path, position };
}

/** `foo.yaml:7:5: error SYM0105 spec.mtls.mode: …`, always one line: messages may quote text from anywhere. */
export function formatFinding(finding: Finding): string {
  const { file, line, column } = finding.position;
  const subject = finding.path === "" ? finding.code : `${finding.code} ${finding.path}`;
  return escapeControls(`${file}:${line}:${column}: ${finding.severity} ${subject}: ${finding.message}`);
}

export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === "error");
}

/** Control characters could forge lines or drive a terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
