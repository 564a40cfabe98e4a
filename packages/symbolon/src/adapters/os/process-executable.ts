import { createHash } from "node:crypto";
import { type BigIntStats, readlinkSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { productError } from "../../core/index.ts";

/** The program that a process runs. */
export interface ProcessExecutable {
  /**
   * As this process's own mount namespace shows it; absent when there is no such file there, or another one: anybody may
   * have a file /usr/bin/nginx in a mount namespace of his own.
   */
  readonly path?: string;
  /**
   * SHA-256 of the file that `read` found, lower-case hex.
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

/** Programs whose digest is remembered; each takes some hundred bytes. */
const REMEMBERED = 256;
/** What is hashed without a pause: below a millisecond. In the pauses everybody else is served. */
const CHUNK_BYTES = 1 << 18;
/** Kernels count the time of a change in steps of up to 10 ms: within one, a file may change twice and look the same. */
const SETTLED_MS = 2000;

export function createExecutableReader({ maxBytes, now }: ExecutableReaderOptions): ExecutableReader {
  /** By file and version of its content: a program that is replaced or written to is another one. */
  const digests = new Map<string, Promise<string>>();

  const digestOf = async (pid: number, found: BigIntStats): Promise<string> => {
    const isSettled = now() - Number(found.ctimeMs) >= SETTLED_MS;
    const version = versionOf(found);
    // Nobody else's process vouches for what a file has that was changed just now.
    const key = isSettled ? version : `${version} of ${pid}`;
    const known = digests.get(key);
    // Whoever computes it may end before his program is open; then it is the next one's turn.
    if (known) return known.catch(() => sha256Of(pid, version));
    const digest = sha256Of(pid, version);
    digests.set(key, digest);
    const oldest = digests.keys().next().value;
    if (digests.size > REMEMBERED && oldest !== undefined) digests.delete(oldest);
    const forget = (): void => {
      if (digests.get(key) === digest) digests.delete(key);
    };
    digest.then(isSettled ? undefined : forget, forget);
    return digest;
  };

  return {
    read(pid) {
      const link = `/proc/${pid}/exe`;
      const found = statOf(link, pid);
      const path = readlinkSync(link);
      return {
        ...(isSameFile(path, found) ? { path } : {}),
        async sha256() {
          if (found.size > maxBytes) throw refused(`the program has ${found.size} bytes, the limit is ${maxBytes}`);
          return digestOf(pid, found);
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

function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/** Piece by piece, so that a large program holds up nobody else; what was opened is looked at, before and after. */
async function sha256Of(pid: number, wanted: string): Promise<string> {
  const file = await open(`/proc/${pid}/exe`, "r").catch((cause: unknown) => {
    throw refused(`the program of process ${pid} cannot be read: it has ended, or this user may not`, cause);
  });
  try {
    if (versionOf(await file.stat({ bigint: true })) !== wanted) throw changed(pid);
    const hash = createHash("sha256");
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
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
