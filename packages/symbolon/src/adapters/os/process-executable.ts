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
  /** Lower-case hex; absent above the size limit. */
  readonly sha256?: string;
  readonly sizeBytes: number;
}

export interface ExecutableReader {
  /** @throws ERR_WORKLOAD_ATTESTATION when this user may not look at the process's program */
  read(pid: number): Promise<ProcessExecutable>;
}

/** Programs whose digest is remembered; each takes some hundred bytes. */
const REMEMBERED = 256;

/** @param maxBytes largest program whose digest is computed: every new program costs about a millisecond per megabyte */
export function createExecutableReader({ maxBytes }: { readonly maxBytes: number }): ExecutableReader {
  /** By file and version of its content: a program that is replaced or written to is another one. */
  const digests = new Map<string, Promise<string>>();

  const digestOf = (link: string, key: string): Promise<string> => {
    const known = digests.get(key);
    if (known) return known;
    const digest = sha256Of(link, key);
    digests.set(key, digest);
    const oldest = digests.keys().next().value;
    if (digests.size > REMEMBERED && oldest !== undefined) digests.delete(oldest);
    digest.catch(() => digests.delete(key));
    return digest;
  };

  return {
    async read(pid) {
      const link = `/proc/${pid}/exe`;
      const found = statOf(link, pid);
      const path = readlinkSync(link);
      const sizeBytes = Number(found.size);
      return {
        sizeBytes,
        ...(isSameFile(path, found) ? { path } : {}),
        ...(sizeBytes <= maxBytes ? { sha256: await digestOf(link, versionOf(found)) } : {}),
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
    throw productError("ERR_WORKLOAD_ATTESTATION", `the program of process ${pid} cannot be read: ${why}`, { cause });
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

/** Piece by piece, so that a large program holds up nobody else. */
async function sha256Of(link: string, wanted: string): Promise<string> {
  const file = await open(link, "r");
  try {
    if (versionOf(await file.stat({ bigint: true })) !== wanted) throw changed();
    const hash = createHash("sha256");
    const buffer = new Uint8Array(1 << 20);
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    if (versionOf(await file.stat({ bigint: true })) !== wanted) throw changed();
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

function changed() {
  return productError("ERR_WORKLOAD_ATTESTATION", "the process's program changed while it was read");
}
