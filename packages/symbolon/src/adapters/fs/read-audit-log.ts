import { type FileHandle, open, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { errorText } from "@symbolon/spiffe/core";
import { AUDIT_HEAD_FILE, AUDIT_KEY_FILE, type AuditLogFiles, firstSeqOf } from "../../audit/index.ts";
import { productError } from "../../core/index.ts";

const CHUNK = 1 << 20;

/**
 * One log's directory, whose name is the log's. The head is read before any line, so that a log that grows meanwhile
 * still verifies. @throws ERR_FILE_UNREADABLE
 */
export async function readAuditLog(directory: string): Promise<AuditLogFiles> {
  const names = await orUnreadable(directory, readdir(directory));
  const head = await readIfThere(join(directory, AUDIT_HEAD_FILE));
  const segments = names
    .flatMap((name) => {
      const firstSeq = firstSeqOf(name);
      return firstSeq === undefined ? [] : [{ name, firstSeq, read: () => readChunks(join(directory, name)) }];
    })
    .sort((a, b) => a.firstSeq - b.firstSeq);
  const publicKeyPem = await readIfThere(join(directory, AUDIT_KEY_FILE));
  return { log: basename(directory), segments, head, publicKeyPem };
}

/** Logs below the mesh's audit directory, by name; none when nothing was ever written. */
export async function listAuditLogs(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause) => {
    if (isMissing(cause)) return [];
    throw unreadable(directory, cause);
  });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(directory, name))
    .sort();
}

/** Content up to the size that the file had when it was opened; each chunk is valid until the next. */
export async function* readChunks(path: string, from = 0): AsyncGenerator<Buffer> {
  const file = await orUnreadable(path, open(path, "r"));
  try {
    yield* readRange(file, from, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function* readRange(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(Math.min(CHUNK, Math.max(to - from, 0)));
  for (let at = from; at < to; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((cause) => {
    if (isMissing(cause)) return undefined;
    throw unreadable(path, cause);
  });
}

const orUnreadable = <T>(path: string, reading: Promise<T>): Promise<T> =>
  reading.catch((cause) => {
    throw unreadable(path, cause);
  });

const isMissing = (cause: unknown): boolean => (cause as { code?: unknown }).code === "ENOENT";

const unreadable = (path: string, cause: unknown) =>
  productError("ERR_FILE_UNREADABLE", `cannot read "${path}": ${errorText(cause)}`, { cause });
