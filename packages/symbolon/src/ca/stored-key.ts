import { errorText, type Secret } from "@symbolon/spiffe/core";
import { createKeyPair, type KeyPair, keyPairOf, parsePrivateKeyPem } from "@symbolon/spiffe/x509";
import { privateKeyPem, productError } from "../core/index.ts";
import type { SecretDirectory } from "./ports.ts";

export interface StoredKey {
  readonly file: string;
  readonly kind: "ec-p256" | "ed25519";
  /** What to do when the file is damaged, behind "restore it, or". */
  readonly fix: string;
}

const ALGORITHM = { "ec-p256": "P-256", ed25519: "Ed25519" } as const;

/** Reads a key, or makes it at the first start. @throws ERR_CA_FILES_INVALID, ERR_FILE_* */
export async function loadOrCreateKey(directory: SecretDirectory, wanted: StoredKey): Promise<KeyPair> {
  const content = await directory.readSecret(wanted.file);
  if (content) return parseKey(content, directory.pathOf(wanted.file), wanted);
  const keyPair = createKeyPair(wanted.kind);
  const pem = privateKeyPem(keyPair);
  await directory.writeSecret(wanted.file, pem);
  pem.expose().fill(0);
  return keyPair;
}

function parseKey(content: Secret<Buffer>, path: string, { kind, fix }: StoredKey): KeyPair {
  const bytes = content.expose();
  try {
    const keyPair = keyPairOf(parsePrivateKeyPem(bytes));
    const { asymmetricKeyType, asymmetricKeyDetails } = keyPair.publicKey;
    const isWanted =
      kind === "ed25519" ? asymmetricKeyType === kind : asymmetricKeyDetails?.namedCurve === "prime256v1";
    if (!isWanted) throw productError("ERR_CA_FILES_INVALID", `it is not a ${ALGORITHM[kind]} key`);
    return keyPair;
  } catch (cause) {
    throw productError("ERR_CA_FILES_INVALID", `"${path}" is damaged: ${errorText(cause)}; restore it, or ${fix}`, {
      cause,
    });
  } finally {
    bytes.fill(0);
  }
}
