import type { KeyObject } from "node:crypto";
import type { AuditEvent } from "../core/index.ts";
import { isHeadOfEmptyLog, isSignedBy, parseAuditHead, type SignedAuditHead } from "./audit-head.ts";
import { hashAuditLine, NO_LINE, parseAuditLine } from "./audit-line.ts";
import { readLines } from "./line-reader.ts";
import type { AuditLogFiles } from "./ports.ts";

/** Where a log ends, as its lines say. */
export interface LogEnd {
  /** Last whole line; 0 when there is none. */
  readonly seq: number;
  readonly hash: string;
}

/** The signed head that a process finds at its start. */
export type FoundHead =
  | { readonly kind: "none" }
  | { readonly kind: "bad"; readonly why: string }
  /** continued: the line that it signed is there, and every line after it continues the chain. */
  | { readonly kind: "good"; readonly head: SignedAuditHead; readonly continued: boolean };

/** Reads from the file that holds the last signed line on; earlier ones are `verifyAuditLog`'s. */
export async function readLogEnd(
  files: AuditLogFiles,
  publicKey: KeyObject,
): Promise<{ readonly end: LogEnd; readonly head: FoundHead }> {
  const head = readHead(files, publicKey);
  let end: LogEnd = { seq: 0, hash: NO_LINE };
  let signedLineSeen = head.kind === "good" && isHeadOfEmptyLog(head.head);
  let continued = true;
  for (const segment of signedLineSeen ? files.segments : unsignedSegments(files, head))
    await readLines(segment.read(), (bytes) => {
      const line = parseAuditLine(bytes);
      if (signedLineSeen) continued &&= line?.seq === end.seq + 1 && line.prev === end.hash;
      end = { seq: line?.seq ?? end.seq + 1, hash: hashAuditLine(bytes) };
      if (head.kind === "good" && head.head.seq === end.seq && head.head.hash === end.hash) signedLineSeen = true;
    });
  // An empty file is one that was started when the disk was full, or a crash came; its name tells where the chain stands.
  const lastFile = files.segments.at(-1);
  if (end.seq === 0 && lastFile !== undefined && lastFile.firstSeq > 1)
    end = { seq: lastFile.firstSeq - 1, hash: NO_LINE };
  return { end, head: head.kind === "good" ? { ...head, continued: signedLineSeen && continued } : head };
}

/** The file with the last signed line and those behind it; the last file when no line is known to be signed. */
function unsignedSegments({ segments }: AuditLogFiles, head: FoundHead): AuditLogFiles["segments"] {
  const from = head.kind === "good" ? segments.findLastIndex(({ firstSeq }) => firstSeq <= head.head.seq) : -1;
  return segments.slice(from < 0 ? -1 : from);
}

function readHead(files: AuditLogFiles, publicKey: KeyObject): FoundHead {
  if (files.head === undefined) return { kind: "none" };
  const head = parseAuditHead(files.head);
  if (head === undefined) return { kind: "bad", why: "the head is unreadable" };
  if (head.log !== files.log) return { kind: "bad", why: `the head is of log "${head.log}"` };
  if (!isSignedBy(head, publicKey)) return { kind: "bad", why: `the head is signed with another key (${head.keyId})` };
  return { kind: "good", head, continued: false };
}

/**
 * What a process writes first into a log that another process, or it itself before a crash, has left: nothing when
 * everything is signed; otherwise what it has found, so that going on hides nothing.
 */
export function continueAfter(end: LogEnd, head: FoundHead): AuditEvent | undefined {
  if (head.kind === "bad") return damaged(end, head.why);
  if (head.kind === "none") return end.seq === 0 ? undefined : damaged(end, "there was no signed head");
  const { seq, time } = head.head;
  if (seq > end.seq) return damaged(end, `line ${seq} was signed at ${time}, but the log ended with line ${end.seq}`);
  if (!head.continued) return damaged(end, `line ${seq}, signed at ${time}, is not there or not continued`);
  if (seq === end.seq) return undefined;
  const details = { unsignedFrom: seq + 1, unsignedTo: end.seq };
  return { kind: "audit.resume", outcome: "success", actor: "symbolon", subject: "audit log", details };
}

function damaged({ seq }: LogEnd, found: string): AuditEvent {
  const details = { found, lastLine: seq };
  return { kind: "audit.damaged", outcome: "failure", actor: "symbolon", subject: "audit log", details };
}
