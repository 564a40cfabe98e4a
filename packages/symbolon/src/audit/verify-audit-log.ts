import type { KeyObject } from "node:crypto";
import {
  auditKeyId,
  isHeadOfEmptyLog,
  isSignedBy,
  parseAuditHead,
  parseAuditKey,
  type SignedAuditHead,
} from "./audit-head.ts";
import { type AuditLine, hashAuditLine, NO_LINE, parseAuditLine } from "./audit-line.ts";
import { readLines } from "./line-reader.ts";
import type { AuditLogFiles, AuditSegment } from "./ports.ts";

export interface VerifyAuditOptions {
  readonly now: Date;
  /** The key that must have signed; absent: the one that lies beside the log, which proves nothing against somebody who replaced both. */
  readonly pinnedKey?: KeyObject;
  /** A line that was seen before and must still be there: its number and hash, as an earlier verification printed them. */
  readonly anchor?: { readonly seq: number; readonly hash: string };
  /** Accepts a log whose oldest files were moved away. */
  readonly partial?: boolean;
}

export interface AuditVerification {
  readonly log: string;
  readonly lines: number;
  readonly segments: number;
  /** Last line; absent when there is none. */
  readonly last?: { readonly seq: number; readonly hash: string; readonly time: string };
  readonly keyId?: string;
  /** Lines that no head covers yet: at most those of the last second while the process runs. */
  readonly unsigned: number;
  /** Empty: the log is as it was written. */
  readonly problems: readonly AuditProblem[];
  /** True, but worth knowing: what the process itself has found and written down. */
  readonly notes: readonly string[];
}

export interface AuditProblem {
  /** `FILE:LINE`, or a file. */
  readonly place: string;
  readonly message: string;
}

/** A running process signs within a second; this leaves room for a busy disk. */
const UNSIGNED_GRACE_MS = 5000;
/** One edited line breaks two links; a file full of garbage would break a million. */
const MAX_PROBLEMS = 20;

/** Every line, link and signature of one log. Reads each byte once; memory does not grow with the log. */
export async function verifyAuditLog(files: AuditLogFiles, options: VerifyAuditOptions): Promise<AuditVerification> {
  const problems: AuditProblem[] = [];
  const notes: string[] = [];
  const report = (place: string, message: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ place, message });
  };
  const signed = readHead(files, options, report);
  const chain = createChain({ head: signed, anchor: options.anchor, partial: options.partial === true, report, notes });
  for (const [index, segment] of files.segments.entries())
    await chain.readSegment(segment, index === files.segments.length - 1);
  const { last } = chain;

  if (signed !== undefined) checkHeadFound(signed, chain.headFound, last, report);
  const { anchor } = options;
  if (anchor !== undefined && !chain.anchorFound)
    report(files.log, `line ${anchor.seq} with hash ${anchor.hash} is not in the log any more`);
  const unsigned = last === undefined ? 0 : last.seq - Math.min(signed?.seq ?? 0, last.seq);
  if (last !== undefined && unsigned > 0 && options.now.getTime() - Date.parse(last.time) > UNSIGNED_GRACE_MS)
    report(
      "head.json",
      `the last ${unsigned} lines are not signed: the process ended without signing them and has not been started since, cannot write (its disk is full?), or somebody else wrote them`,
    );
  return {
    log: files.log,
    lines: chain.lines,
    segments: files.segments.length,
    ...(last === undefined ? {} : { last }),
    ...(signed === undefined ? {} : { keyId: signed.keyId }),
    unsigned,
    problems,
    notes,
  };
}

type Report = (place: string, message: string) => void;

/** The head, once its signature holds. */
function readHead(files: AuditLogFiles, options: VerifyAuditOptions, report: Report): SignedAuditHead | undefined {
  if (files.head === undefined) {
    if (files.segments.length > 0 || files.publicKeyPem !== undefined)
      report("head.json", "there is no signed head: it was removed, or the process died in its first second");
    return undefined;
  }
  const head = parseAuditHead(files.head);
  if (head === undefined) {
    report("head.json", "it is not a signed head");
    return undefined;
  }
  const beside = files.publicKeyPem === undefined ? undefined : parseAuditKey(files.publicKeyPem);
  const key = options.pinnedKey ?? beside;
  if (key === undefined) {
    report("public-key.pem", "there is no Ed25519 public key to verify the head with; give it with --key");
    return undefined;
  }
  if (head.log !== files.log) {
    report(
      "head.json",
      `it is the head of log "${head.log}", and this directory is "${files.log}": a copy has to keep the name`,
    );
    return undefined;
  }
  if (!isSignedBy(head, key)) {
    report("head.json", `its signature is not by key ${auditKeyId(key)}`);
    return undefined;
  }
  return head;
}

function checkHeadFound(head: SignedAuditHead, found: boolean, last: AuditVerification["last"], report: Report): void {
  if (found) return;
  const end = last === undefined ? "the log is empty" : `the log ends with line ${last.seq}`;
  report(
    "head.json",
    last !== undefined && last.seq >= head.seq
      ? `line ${head.seq} is not the one that was signed at ${head.time}`
      : `line ${head.seq} was signed at ${head.time}, but ${end}: the end was cut off`,
  );
}

function createChain(options: {
  readonly head: SignedAuditHead | undefined;
  readonly anchor: VerifyAuditOptions["anchor"];
  readonly partial: boolean;
  readonly report: Report;
  readonly notes: string[];
}) {
  const { head, anchor, partial, report, notes } = options;
  let previous = { seq: 0, hash: NO_LINE, time: "" };
  let lines = 0;
  let headFound = head !== undefined && isHeadOfEmptyLog(head);
  let anchorFound = false;

  const readLine = (bytes: Buffer, place: string): void => {
    const line = parseAuditLine(bytes);
    if (line === undefined) return report(place, "it is not a line of an audit log");
    const isFirst = lines === 0;
    lines++;
    if (isFirst && partial) previous = { seq: line.seq - 1, hash: line.prev, time: "" };
    if (line.seq !== previous.seq + 1) report(place, `line ${line.seq} follows line ${previous.seq}`);
    if (line.prev !== previous.hash)
      report(place, `it continues another line than the one before it, which was changed, moved or removed`);
    const hash = hashAuditLine(bytes);
    if (head?.seq === line.seq && head.hash === hash) headFound = true;
    if (anchor?.seq === line.seq && anchor.hash === hash) anchorFound = true;
    previous = { seq: line.seq, hash, time: line.time };
    noteOwnFindings(line, place, report, notes);
  };

  return {
    async readSegment(segment: AuditSegment, isLast: boolean): Promise<void> {
      let number = 0;
      if (lines > 0 && segment.firstSeq !== previous.seq + 1)
        report(segment.name, `its name says line ${segment.firstSeq}, the file before it ends with ${previous.seq}`);
      const { rest } = await readLines(segment.read(), (bytes) => readLine(bytes, `${segment.name}:${++number}`));
      if (rest.length > 0 && !isLast) report(`${segment.name}:${number + 1}`, "the line has no end");
    },
    get last() {
      return lines === 0 ? undefined : previous;
    },
    get lines() {
      return lines;
    },
    get headFound() {
      return headFound;
    },
    get anchorFound() {
      return anchorFound;
    },
  };
}

/** What a process found at its own start stands in the log, so that a cut does not become invisible by going on. */
function noteOwnFindings(line: AuditLine, place: string, report: Report, notes: string[]): void {
  if (line.kind === "audit.damaged") report(place, `at ${line.time} the process found: ${line.details?.found ?? "?"}`);
  if (line.kind === "audit.resume" || line.kind === "audit.gap")
    notes.push(`${place} ${line.time} ${line.kind} ${JSON.stringify(line.details ?? {})}`);
}
