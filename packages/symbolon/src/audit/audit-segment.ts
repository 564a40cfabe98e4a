/** A log is cut into files of bounded size, each named by the number of its first line. */
const NAME = /^audit-(\d{12})\.jsonl$/;

export const AUDIT_HEAD_FILE = "head.json";
export const AUDIT_KEY_FILE = "public-key.pem";

/** Names sort as the lines do. */
export function segmentName(firstSeq: number): string {
  return `audit-${String(firstSeq).padStart(12, "0")}.jsonl`;
}

/** @returns number of the first line; undefined for any other file */
export function firstSeqOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
