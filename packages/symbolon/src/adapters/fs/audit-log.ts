import type { KeyObject } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Clock, errorText, type Log, type Timer } from "@symbolon/spiffe/core";
import {
  AUDIT_HEAD_FILE,
  AUDIT_KEY_FILE,
  continueAfter,
  formatAuditHead,
  formatAuditLine,
  hashAuditLine,
  readLogEnd,
  segmentName,
  signAuditHead,
} from "../../audit/index.ts";
import { type AuditEvent, type AuditSink, productError } from "../../core/index.ts";
import { openSegmentFile } from "./audit-segment-file.ts";
import { readAuditLog } from "./read-audit-log.ts";
import { writeFileAtomically } from "./write-file-atomically.ts";

export interface AuditLog extends AuditSink {
  /** Writes what is waiting, signs the end and lets go of the files. */
  close(): Promise<void>;
}

export interface AuditLogOptions {
  /** Its name is the log's. Made when missing; one process owns one directory. */
  readonly directory: string;
  readonly keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly clock: Clock;
  readonly log: Log;
  /** A file that has grown this large is followed by another. */
  readonly segmentBytes?: number;
}

interface Waiting {
  readonly time: Date;
  readonly event: AuditEvent;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const SEGMENT_BYTES = 16 << 20;
/** Lines of the last second are the only ones that a head does not cover: signing each would double the disk's work. */
const SIGN_EVERY_MS = 1000;

/**
 * A log of hash-chained JSON lines with a signed head (docs/reference/audit.md). `write` resolves when its line is on
 * the disk; all lines that wait while the disk is busy share the next write. Nothing is ever deleted here.
 * @throws ERR_AUDIT_UNWRITABLE
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { directory, clock, log } = options;
  try {
    return await openLog(options);
  } catch (cause) {
    throw productError("ERR_AUDIT_UNWRITABLE", `cannot open audit log "${directory}": ${errorText(cause)}`, { cause });
  }

  async function openLog({ keys, segmentBytes = SEGMENT_BYTES }: AuditLogOptions): Promise<AuditLog> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const name = basename(directory);
    const files = await readAuditLog(directory);
    let path = join(directory, files.segments.at(-1)?.name ?? segmentName(1));
    // A line that a crash cut short is removed here, before the lines are read.
    let file = await openSegmentFile(path, log);
    const { end, head } = await readLogEnd(files, keys.publicKey);
    let { seq, hash } = end;
    let signedSeq = head.kind === "good" ? head.head.seq : 0;
    let signedAtMs = Number.NEGATIVE_INFINITY;
    let waiting: Waiting[] = [];
    let working: Promise<void> | undefined;
    let signTimer: Timer | undefined;
    let closed = false;

    const sign = async (): Promise<void> => {
      const covered = { seq, hash };
      signedAtMs = clock.monotonicMs();
      const signed = signAuditHead({ log: name, ...covered, time: clock.now().toISOString() }, keys);
      try {
        await writeFileAtomically(join(directory, AUDIT_HEAD_FILE), Buffer.from(formatAuditHead(signed)), 0o600);
        signedSeq = covered.seq;
      } catch (error) {
        log.error("audit head not signed; tried again within a second", { directory, error: errorText(error) });
      }
    };

    const startNextFile = async (): Promise<void> => {
      const next = join(directory, segmentName(seq + 1));
      const opened = await openSegmentFile(next, log);
      await file.close();
      file = opened;
      path = next;
    };

    const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
      let at = { seq, hash };
      const lines = batch.map(({ time, event }) => {
        const line = formatAuditLine(at.seq + 1, time, event, at.hash);
        at = { seq: at.seq + 1, hash: hashAuditLine(line) };
        return `${line}\n`;
      });
      try {
        if (file.size >= segmentBytes) await startNextFile();
        await file.append(Buffer.from(lines.join("")));
      } catch (cause) {
        for (const { reject } of batch) reject(writeError(path, cause));
        return;
      }
      ({ seq, hash } = at);
      for (const { resolve } of batch) resolve();
    };

    const work = async (): Promise<void> => {
      while (waiting.length > 0) {
        const batch = waiting;
        waiting = [];
        await writeBatch(batch);
        if (signedSeq !== seq && clock.monotonicMs() - signedAtMs >= SIGN_EVERY_MS) await sign();
      }
      working = undefined;
      if (signedSeq !== seq && !closed) signTimer ??= clock.setTimer(SIGN_EVERY_MS, signLater);
    };

    const signLater = (): void => {
      signTimer = undefined;
      working ??= sign().then(work);
    };

    const write = (event: AuditEvent): Promise<void> => {
      if (closed) return Promise.reject(productError("ERR_AUDIT_UNWRITABLE", `audit log "${directory}" is closed`));
      return new Promise((resolve, reject) => {
        waiting.push({ time: clock.now(), event, resolve, reject });
        // Every event of this turn of the loop goes into the same write.
        working ??= new Promise<void>(setImmediate).then(work);
      });
    };

    const pem = keys.publicKey.export({ type: "spki", format: "pem" });
    if (files.publicKeyPem?.toString() !== pem)
      await writeFileAtomically(join(directory, AUDIT_KEY_FILE), Buffer.from(pem), 0o644);
    if (head.kind === "none" && seq === 0) {
      await sign();
      // The first line is signed at once all the same.
      signedAtMs = Number.NEGATIVE_INFINITY;
    }
    const found = continueAfter(end, head);
    if (found !== undefined) {
      log[found.outcome === "failure" ? "error" : "warn"]("audit log continued", { directory, ...found.details });
      await write(found);
    }
    return {
      write,
      async close() {
        if (closed) return;
        closed = true;
        signTimer?.cancel();
        await working;
        if (signedSeq !== seq) await sign();
        await file.close();
      },
    };
  }
}

function writeError(path: string, cause: unknown) {
  const { code } = cause as { code?: unknown };
  const full = code === "ENOSPC" || code === "EDQUOT";
  return productError(
    full ? "ERR_AUDIT_FULL" : "ERR_AUDIT_UNWRITABLE",
    `cannot write audit log "${path}": ${errorText(cause)}`,
    { cause },
  );
}
