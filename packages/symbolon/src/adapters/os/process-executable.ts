import { createHash } from "node:crypto";
import { type BigIntStats, readlinkSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { productError } from "../../core/index.ts";
import { createProgramDigests, versionOf } from "./program-digests.ts";

/** The program that a process runs. */
export interface ProcessExecutable {
  /**
   * As this process's own mount namespace shows it; absent when there is no such file there, or another one: anybody may
   * have a file /usr/bin/nginx in a mount namespace of his own.
   */
  readonly path?: string;
  /**
   * SHA-256 of the file that `read` found, lower-case hex; waits while four others are computed ({@link createProgramDigests}).
   * @throws ERR_WORKLOAD_ATTESTATION above the size limit, when the process runs another program by now or has ended, and
   * when the file changed while it was read
   */
  sha256(): Promise<string>;
}

export interface ExecutableReader {
  /** @throws ERR_WORKLOAD_ATTESTATION when this user may not look at the process's program */
  read(pid: number): ProcessExecutable;
}

export interface ExecutableReaderOptions {
  /** Largest program whose digest is computed: every new program costs about a millisecond per megabyte. */
  readonly maxBytes: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What is hashed without a pause: below a millisecond. In the pauses everybody else is served. */
const CHUNK_BYTES = 1 << 18;

export function createExecutableReader({ maxBytes, now }: ExecutableReaderOptions): ExecutableReader {
  const digests = createProgramDigests({ compute: sha256Of, now });

  return {
    read(pid) {
      const link = `/proc/${pid}/exe`;
      const found = statOf(link, pid);
      const path = readlinkSync(link);
      return {
        ...(isSameFile(path, found) ? { path } : {}),
        async sha256() {
          if (found.size > maxBytes) throw refused(`the program has ${found.size} bytes, the limit is ${maxBytes}`);
          return digests.of(pid, found);
        },
      };
    },
  };
}

function statOf(link: string, pid: number): BigIntStats {
  try {
    return statSync(link, { bigint: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? "it has ended or has no program"
        : `user ${process.geteuid?.()} may not look at it (${code}); a process of another user's is open to root alone`;
    throw refused(`the program of process ${pid} cannot be read: ${why}`, cause);
  }
}

function isSameFile(path: string, { dev, ino }: BigIntStats): boolean {
  try {
    const here = statSync(path, { bigint: true });
    return here.dev === dev && here.ino === ino;
  } catch {
    return false;
  }
}

/** Piece by piece, so that a large program holds up nobody else; what was opened is looked at, before and after. */
async function sha256Of(pid: number, wanted: string): Promise<string> {
  const file = await open(`/proc/${pid}/exe`, "r").catch((cause: unknown) => {
    throw refused(`the program of process ${pid} cannot be read: it has ended, or this user may not`, cause);
  });
  try {
    const opened = await file.stat({ bigint: true });
    if (versionOf(opened) !== wanted) throw changed(pid);
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
      // It grows while it is read: no more than the limit allowed is.
      if (position > opened.size) throw changed(pid);
    }
    if (versionOf(await file.stat({ bigint: true })) !== wanted) throw changed(pid);
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

function changed(pid: number) {
  return refused(`process ${pid} runs another program by now, or its program changed while it was read`);
}

function refused(message: string, cause?: unknown) {
  return productError("ERR_WORKLOAD_ATTESTATION", message, { cause });
}
