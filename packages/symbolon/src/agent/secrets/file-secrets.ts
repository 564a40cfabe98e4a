import { type Clock, equalBytes, errorText, isSymbolonError, type Log, type Timer } from "@symbolon/spiffe/core";
import {
  certificatesToPem,
  encodePem,
  parseCertificatesPem,
  parsePem,
  parsePrivateKeyPem,
  spkiOf,
} from "@symbolon/spiffe/x509";
import { productError } from "../../core/index.ts";
import type { SecretContent } from "./secret-content.ts";
import { type FileSecretName, fileSecretName, SYSTEM_ROOTS } from "./secret-names.ts";

/** Files as one caller sees them: its root directory, and only what it may read itself. */
export interface SecretFiles {
  /** @throws ERR_SECRET_FILE when the caller may not read it, or it is no usual file, or too large */
  read(path: string): Promise<Uint8Array>;
}

export type FileSecret =
  | { readonly kind: "found"; readonly content: SecretContent }
  | { readonly kind: "pending" }
  | { readonly kind: "missing"; readonly reason: string };

export interface FileSecrets {
  /** What is under a name now; the first time that it is asked for it is still being read. */
  get(name: string): FileSecret;
  /** Stops following every other name. */
  keepOnly(names: ReadonlySet<string>): void;
  close(): void;
}

export interface FileSecretsOptions {
  readonly files: SecretFiles;
  readonly clock: Clock;
  readonly log: Log;
  readonly changed: () => void;
}

/** Also how long a half-written pair of files may stay unnoticed: what does not fit together is read again. */
export const FILE_POLL_MS = 1000;

/**
 * Reads again and again instead of watching: a path that leads through a mount namespace and symbolic links that are
 * swapped, as those of mounted secrets are, has no single place to watch.
 */
export function createFileSecrets({ files, clock, log, changed }: FileSecretsOptions): FileSecrets {
  const followed = new Map<string, { state: FileSecret; timer?: Timer }>();

  const readAgain = async (name: string, parsed: FileSecretName): Promise<void> => {
    const file = followed.get(name);
    if (!file) return;
    const next = await readSecret(files, parsed).catch(
      (error: unknown): FileSecret => ({ kind: "missing", reason: errorText(error) }),
    );
    if (followed.get(name) !== file) return;
    // What was good stays: a pair of files is not replaced in one moment.
    if (next.kind === "missing" && file.state.kind === "found") {
      log.warn("secret of files not read again", { name, error: next.reason });
    } else if (!sameSecret(file.state, next)) {
      file.state = next;
      changed();
    }
    file.timer = clock.setTimer(FILE_POLL_MS, () => void readAgain(name, parsed));
  };

  return {
    get(name) {
      const file = followed.get(name);
      if (file) return file.state;
      const parsed = fileSecretName(name);
      if (!parsed) return { kind: "missing", reason: "write file-cert:CHAIN~KEY, file-root:FILE or file-root:system" };
      const state: FileSecret = { kind: "pending" };
      followed.set(name, { state });
      void readAgain(name, parsed);
      return state;
    },
    keepOnly(names) {
      for (const [name, { timer }] of followed) {
        if (names.has(name)) continue;
        timer?.cancel();
        followed.delete(name);
      }
    },
    close() {
      this.keepOnly(new Set());
    },
  };
}

async function readSecret(files: SecretFiles, name: FileSecretName): Promise<FileSecret> {
  if (name.kind === "root") return { kind: "found", content: await readRoots(files, name.path) };
  const chainBytes = await files.read(name.chainPath);
  const keyBytes = await files.read(name.keyPath);
  const chain = parse(name.chainPath, () => parseCertificatesPem(chainBytes));
  const privateKey = parse(name.keyPath, () => parsePrivateKeyPem(keyBytes));
  keyBytes.fill(0);
  const [leaf] = chain;
  if (!leaf || !equalBytes(spkiOf(privateKey), leaf.spki))
    throw productError("ERR_SECRET_FILE", `the key in "${name.keyPath}" is not the one of "${name.chainPath}"`);
  return { kind: "found", content: { kind: "certificate", chainPem: certificatesToPem(chain), privateKey } };
}

async function readRoots(files: SecretFiles, path: string | undefined): Promise<SecretContent> {
  const bytes = path === undefined ? await readFirst(files, SYSTEM_ROOTS) : await files.read(path);
  // No further: lists of public authorities have certificates of an age before some of our rules.
  const blocks = parse(path ?? "system", () => parsePem(bytes, { labels: ["CERTIFICATE"] }));
  return { kind: "trusted-ca", authoritiesPem: blocks.map(({ der }) => encodePem("CERTIFICATE", der)).join("") };
}

/** Which file it is that cannot be parsed. */
function parse<T>(path: string, parser: () => T): T {
  try {
    return parser();
  } catch (cause) {
    throw productError("ERR_SECRET_FILE", `"${path}": ${errorText(cause)}`, { cause });
  }
}

async function readFirst(files: SecretFiles, paths: readonly string[]): Promise<Uint8Array> {
  for (const path of paths) {
    try {
      return await files.read(path);
    } catch (error) {
      if (!isSymbolonError(error)) throw error;
    }
  }
  throw productError("ERR_SECRET_FILE", `there is no list of authorities of the system: ${paths.join(", ")}`);
}

function sameSecret(a: FileSecret, b: FileSecret): boolean {
  if (a.kind === "missing" && b.kind === "missing") return a.reason === b.reason;
  if (a.kind !== "found" || b.kind !== "found") return false;
  const [x, y] = [a.content, b.content];
  if (x.kind === "certificate" && y.kind === "certificate") return x.chainPem === y.chainPem;
  return x.kind === "trusted-ca" && y.kind === "trusted-ca" && x.authoritiesPem === y.authoritiesPem;
}
