import { type FileHandle, open } from "node:fs/promises";
import { type Clock, errorText, type Log } from "@symbolon/spiffe/core";
import { type AuditEvent, type AuditSink, productError } from "../../core/index.ts";

export interface AuditFile extends AuditSink {
  /** Writes what is waiting and lets go of the file. */
  close(): Promise<void>;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One JSON object a line, appended; `write` resolves when its line is on the disk. All lines that wait while the disk
 * is busy share the next write. One process owns a file: a line that a crash cut short is removed at the start.
 */
export async function openAuditFile(options: {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<AuditFile> {
  const { path, clock, log } = options;
  const { file, size } = await openAtLastLine(path, log).catch((cause) => {
    throw productError("ERR_AUDIT_UNWRITABLE", `cannot open audit log "${path}": ${errorText(cause)}`, { cause });
  });
  let goodSize = size;
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let closed = false;

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const bytes = Buffer.from(batch.map(({ line }) => line).join(""));
    try {
      await writeFully(file, bytes, goodSize);
      await file.datasync();
      goodSize += bytes.length;
    } catch (cause) {
      // A half-written line would spoil the next one: back to the last whole line, also when the disk is full (RR-22).
      await file.truncate(goodSize).catch(() => {});
      for (const { reject } of batch) reject(writeError(path, cause));
      return;
    }
    for (const { resolve } of batch) resolve();
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await writeBatch(batch);
    }
    writing = undefined;
  };

  return {
    write(event) {
      if (closed) return Promise.reject(productError("ERR_AUDIT_UNWRITABLE", `audit log "${path}" is closed`));
      return new Promise((resolve, reject) => {
        waiting.push({ line: formatLine(clock.now(), event), resolve, reject });
        // The microtask lets every event of this turn into the same write.
        writing ??= Promise.resolve().then(drain);
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      await file.close();
    },
  };
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

async function openAtLastLine(path: string, log: Log): Promise<{ readonly file: FileHandle; readonly size: number }> {
  await (await open(path, "a", 0o600)).close();
  const file = await open(path, "r+");
  try {
    const { size } = await file.stat();
    const whole = await endOfLastLine(file, size);
    if (whole < size) {
      log.warn("audit line cut short by a crash removed", { path, bytes: size - whole });
      await file.truncate(whole);
    }
    return { file, size: whole };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(64 << 10);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

const formatLine = (time: Date, event: AuditEvent): string =>
  `${JSON.stringify({ time: time.toISOString(), ...event })}\n`;
