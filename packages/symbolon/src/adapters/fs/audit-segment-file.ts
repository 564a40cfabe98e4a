import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "@symbolon/spiffe/core";
import { syncDirectory } from "./write-file-atomically.ts";

/** The file that a log's newest lines go to. */
export interface AuditSegmentFile {
  readonly size: number;
  /** All of `bytes` on the disk, or none of them. */
  append(bytes: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** A line that a crash cut short is removed: it was never acknowledged. */
export async function openSegmentFile(path: string, log: Log): Promise<AuditSegmentFile> {
  await (await open(path, "a", 0o600)).close();
  // Else a power failure may take a new file, with lines already acknowledged, out of its directory.
  await syncDirectory(dirname(path));
  // A write is on the disk when it returns: one call where a write and a sync would be two, on a thread each.
  const file = await open(path, constants.O_RDWR | constants.O_DSYNC);
  try {
    return await segmentFile(file, path, log);
  } catch (error) {
    await file.close();
    throw error;
  }
}

type SegmentHandle = Pick<FileHandle, "stat" | "read" | "write" | "truncate" | "close">;

/** The file behind an open handle, which becomes its own. @param file opened with O_DSYNC */
export async function segmentFile(file: SegmentHandle, path: string, log: Log): Promise<AuditSegmentFile> {
  const found = (await file.stat()).size;
  let size = await endOfLastLine(file, found);
  if (size < found) {
    log.warn("audit line cut short by a crash removed", { path, bytes: found - size });
    await file.truncate(size);
  }
  let isTailDirty = false;
  const cutTail = async (): Promise<void> => {
    await file.truncate(size);
    isTailDirty = false;
  };
  return {
    get size() {
      return size;
    },
    async append(bytes) {
      // What a shorter write would cover only in part has to go first.
      if (isTailDirty) await cutTail();
      isTailDirty = true;
      try {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, size + done);
          done += bytesWritten;
        }
      } catch (error) {
        // A half-written line would spoil the next one: back to the last whole line, also when the disk is full (RR-22).
        await cutTail().catch(() => {});
        throw error;
      }
      isTailDirty = false;
      size += bytes.length;
    },
    close: () => file.close(),
  };
}

async function endOfLastLine(file: SegmentHandle, size: number): Promise<number> {
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
