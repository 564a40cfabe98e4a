export type Severity = "error" | "warning" | "info";

export interface FindingInfo {
  readonly title: string;
  readonly severity: Severity;
  /** What to do about it, in one sentence. */
  readonly fix: string;
}

/** Codes are stable: they appear in users' CI. Numbers are never reused. */
export type FindingCatalogue = Readonly<Record<`SYM${string}`, FindingInfo>>;
