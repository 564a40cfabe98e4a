import { createFinding, type Finding, type FindingPlace } from "./finding.ts";
import type { FindingCode } from "./finding-codes.ts";

/** Gathers all findings of a parse, so that a user corrects a file once and not once per mistake. */
export interface FindingCollector {
  readonly findings: readonly Finding[];
  /** Grows with each error; a reader compares it with the count it began with. */
  readonly errorCount: number;
  report(code: FindingCode, place: FindingPlace, message: string): void;
  /** Takes over findings made elsewhere, also with codes of another catalogue. */
  add(...findings: readonly Finding[]): void;
}

export function createFindingCollector(): FindingCollector {
  const findings: Finding[] = [];
  let errorCount = 0;
  const add = (...added: readonly Finding[]) => {
    for (const finding of added) {
      findings.push(finding);
      if (finding.severity === "error") errorCount += 1;
    }
  };
  return {
    findings,
    get errorCount() {
      return errorCount;
    },
    add,
    report: (code, place, message) => add(createFinding(code, place, message)),
  };
}
