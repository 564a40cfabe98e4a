import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, errorText, type Log, type Timer } from "@symbolon/spiffe/core";
import { LineBuffer } from "../../telemetry/index.ts";

/** A file of records, one a line, that are many and that nothing waits for. */
export interface RecordFile<Item> {
  /** Never waits and never throws; a record that cannot be kept is counted. It must not change any more. */
  write(record: Item): void;
  /** Lines that are in the file. */
  readonly written: number;
  /** Lines that are lost, because the disk is full, broken, or slower than they come. */
  readonly dropped: number;
  /** Resolves when everything that came before is in the file or counted as dropped. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface RecordFileLimits {
  /** A file that has reached it becomes `path.1`, in the place of the one before. */
  readonly fileBytes: number;
  /** Waiting to be written; above it records are dropped. */
  readonly waitingBytes: number;
  /** Made into lines together: the first is expensive, because all that it needs has left the processor's caches. */
  readonly formattedTogether: number;
  /** So much is written at once, without waiting for `batchMs`. */
  readonly batchBytes: number;
  /** A line is written so long after it came, with all that came meanwhile. */
  readonly batchMs: number;
}

export const RECORD_FILE_LIMITS: RecordFileLimits = {
  fileBytes: 32 << 20,
  waitingBytes: 4 << 20,
  formattedTogether: 64,
  batchBytes: 512 << 10,
  batchMs: 100,
};

/** A disk that stays full is said so often. */
const COMPLAIN_MS = 60_000;

/** Opens nothing before the first line. Writing is done by the thread pool, so that a slow disk holds up no traffic (FI-45). */
export function createRecordFile<Item>(options: {
  readonly path: string;
  /** Writes a record as one line, with its end. */
  readonly format: (into: LineBuffer, record: Item) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<RecordFileLimits>;
}): RecordFile<Item> {
  const { path, format, clock, log } = options;
  const limits = { ...RECORD_FILE_LIMITS, ...options.limits };
  let unformatted: Item[] = [];
  let waiting = new LineBuffer();
  let waitingLines = 0;
  /** Takes turns with `waiting`: one is filled while the other is written. */
  let spare = new LineBuffer();
  let timer: Timer | undefined;
  let writing: Promise<void> | undefined;
  let opened: { readonly file: FileHandle; size: number } | undefined;
  let complainedMs: number | undefined;
  let written = 0;
  let dropped = 0;
  let closed = false;

  return {
    write(record) {
      if (closed || waiting.length >= limits.waitingBytes) {
        dropped++;
        return;
      }
      unformatted.push(record);
      timer ??= clock.setTimer(limits.batchMs, startWriting);
      if (unformatted.length < limits.formattedTogether) return;
      formatAll();
      if (waiting.length >= limits.batchBytes) startWriting();
    },
    get written() {
      return written;
    },
    get dropped() {
      return dropped;
    },
    flush,
    async close() {
      if (closed) return;
      closed = true;
      await flush();
      await opened?.file.close();
    },
  };

  async function flush(): Promise<void> {
    startWriting();
    await writing;
  }

  function formatAll(): void {
    for (const record of unformatted) format(waiting, record);
    waitingLines += unformatted.length;
    unformatted = [];
  }

  function startWriting(): void {
    timer?.cancel();
    timer = undefined;
    formatAll();
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
  }

  async function writeAll(): Promise<void> {
    while (waitingLines > 0) {
      const lines = waitingLines;
      const batch = waiting;
      waiting = spare;
      waitingLines = 0;
      try {
        await writeBatch(batch.written);
        written += lines;
      } catch (error) {
        dropped += lines;
        complain(error);
      }
      batch.clear();
      spare = batch;
    }
  }

  async function writeBatch(bytes: Buffer): Promise<void> {
    opened ??= await openAtLastLine();
    if (opened.size > 0 && opened.size + bytes.length > limits.fileBytes) {
      const { file } = opened;
      opened = undefined;
      await file.close();
      await rename(path, `${path}.1`);
      opened = await openAtLastLine();
    }
    const { file, size } = opened;
    try {
      for (let done = 0; done < bytes.length; )
        done += (await file.write(bytes, done, bytes.length - done, size + done)).bytesWritten;
      opened.size = size + bytes.length;
    } catch (error) {
      // Part of a line would spoil the next one (RR-22).
      await file.truncate(size).catch(() => undefined);
      throw error;
    }
  }

  /** A process that was killed may have left half a line. */
  async function openAtLastLine(): Promise<{ readonly file: FileHandle; size: number }> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await (await open(path, "a", 0o600)).close();
    const file = await open(path, "r+");
    try {
      const size = await endOfLastLine(file);
      await file.truncate(size);
      return { file, size };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  function complain(error: unknown): void {
    const nowMs = clock.monotonicMs();
    if (complainedMs !== undefined && nowMs - complainedMs < COMPLAIN_MS) return;
    complainedMs = nowMs;
    log.error("records are lost", { path, dropped, reason: errorText(error) });
  }
}

async function endOfLastLine(file: FileHandle): Promise<number> {
  const block = Buffer.alloc(64 << 10);
  let { size: end } = await file.stat();
  while (end > 0) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}
