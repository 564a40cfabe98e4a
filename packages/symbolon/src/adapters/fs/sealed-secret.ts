import { createCipheriv, createDecipheriv, scrypt } from "node:crypto";
import { concatBytes, type Random, Secret } from "@symbolon/spiffe/core";
import type { SecretDirectory } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";

const HEADER = "symbolon sealed secret 1\n";
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** scrypt as OWASP's password storage guide sets it: 128 MiB and about a third of a second, once at each start. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 << 20 } as const;

/**
 * The same directory with every secret sealed by a passphrase: scrypt makes the key, AES-256-GCM seals and binds the
 * file's name, so that one sealed file cannot be put in another's place. A secret that lies there unsealed is read,
 * and sealed at once: setting a passphrase later is enough to encrypt what exists.
 */
export function sealedSecretDirectory(
  directory: SecretDirectory,
  options: { readonly passphrase: Secret<string>; readonly random: Random },
): SecretDirectory {
  const { passphrase, random } = options;
  const writeSecret = async (name: string, content: Secret<Buffer>): Promise<void> =>
    directory.writeSecret(name, new Secret(await seal(name, content.expose(), passphrase, random)));
  return {
    ...directory,
    async readSecret(name) {
      const content = await directory.readSecret(name);
      if (content === undefined) return undefined;
      if (isSealed(content.expose())) return unseal(name, directory.pathOf(name), content.expose(), passphrase);
      await writeSecret(name, content);
      return content;
    },
    writeSecret,
  };
}

/** The directory without a passphrase: a sealed file then has a message of its own. */
export function unsealedSecretDirectory(directory: SecretDirectory): SecretDirectory {
  return {
    ...directory,
    async readSecret(name) {
      const content = await directory.readSecret(name);
      if (content && isSealed(content.expose()))
        throw productError(
          "ERR_CA_PASSPHRASE",
          `"${directory.pathOf(name)}" is encrypted; set SYMBOLON_CA_PASSPHRASE to the passphrase it was sealed with`,
        );
      return content;
    },
  };
}

const isSealed = (content: Buffer): boolean => content.subarray(0, HEADER.length).toString("latin1") === HEADER;

async function seal(name: string, content: Buffer, passphrase: Secret<string>, random: Random): Promise<Buffer> {
  const salt = random.bytes(SALT_BYTES);
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", await deriveKey(passphrase, salt), nonce);
  cipher.setAAD(Buffer.from(HEADER + name));
  const sealed = concatBytes(salt, nonce, cipher.update(content), cipher.final(), cipher.getAuthTag());
  return Buffer.from(`${HEADER}${Buffer.from(sealed).toString("base64")}\n`);
}

async function unseal(
  name: string,
  path: string,
  content: Buffer,
  passphrase: Secret<string>,
): Promise<Secret<Buffer>> {
  const sealed = Buffer.from(content.subarray(HEADER.length).toString("latin1"), "base64");
  const body = SALT_BYTES + NONCE_BYTES;
  const wrong = (cause?: unknown) =>
    productError("ERR_CA_PASSPHRASE", `"${path}" does not open: the passphrase is wrong, or the file was damaged`, {
      cause,
    });
  if (sealed.length < body + TAG_BYTES) throw wrong();
  try {
    const key = await deriveKey(passphrase, sealed.subarray(0, SALT_BYTES));
    const nonce = sealed.subarray(SALT_BYTES, body);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(HEADER + name));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const ciphertext = sealed.subarray(body, sealed.length - TAG_BYTES);
    return new Secret(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
  } catch (cause) {
    throw wrong(cause);
  }
}

function deriveKey(passphrase: Secret<string>, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(passphrase.expose().normalize("NFC"), salt, 32, SCRYPT, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}
