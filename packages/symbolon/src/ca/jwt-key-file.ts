import {
  decodeUtf8,
  errorText,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
  Secret,
} from "@symbolon/spiffe/core";
import { jwkFromPublicKey, parseJwkSet } from "@symbolon/spiffe/jwt";
import { createKeyPair, type KeyPair, keyPairOf, parsePrivateKeyPem } from "@symbolon/spiffe/x509";
import { privateKeyPem, productError } from "../core/index.ts";
import type { JwtKey, JwtKeyKind } from "./jwt-keys.ts";
import type { SecretDirectory } from "./ports.ts";

/** What must survive a restart. */
export interface JwtKeyState {
  /** The oldest first. */
  readonly keys: readonly JwtKey[];
  /** Of the bundle document that was published last. */
  readonly sequence: number;
  /** SHA-256 of its authorities, in hex: whether they have changed since. */
  readonly contentSha256: string;
}

/**
 * One file, so that no crash leaves half of it: a line of JSON with the public keys and their times, and behind it the
 * private keys that are still needed, as PEM.
 */
const FILE = "jwt-authority.pem";
const BEGIN = "-----BEGIN PRIVATE KEY-----";
const FIX =
  "restore it, or remove it: then JWT-SVIDs that are under way are refused, and new ones are signed with a new key";

/** Undefined when there is no file yet. @throws ERR_CA_FILES_INVALID, ERR_FILE_* */
export async function readJwtKeys(directory: SecretDirectory): Promise<JwtKeyState | undefined> {
  const content = await directory.readSecret(FILE);
  if (!content) return undefined;
  const bytes = content.expose();
  try {
    return parse(bytes);
  } catch (cause) {
    const path = directory.pathOf(FILE);
    throw productError("ERR_CA_FILES_INVALID", `"${path}" is damaged: ${errorText(cause)}; ${FIX}`, { cause });
  } finally {
    bytes.fill(0);
  }
}

export async function writeJwtKeys(directory: SecretDirectory, state: JwtKeyState): Promise<void> {
  const { keys, sequence, contentSha256 } = state;
  const index = {
    sequence,
    contentSha256,
    keys: keys.map(({ publicKey, activeFrom, expiresAt }) => ({
      jwk: jwkFromPublicKey(publicKey),
      activeFrom: activeFrom.toISOString(),
      expiresAt: expiresAt.toISOString(),
    })),
  };
  const pems = keys.flatMap(({ privateKey }) => (privateKey ? [privateKeyPem({ privateKey })] : []));
  const content = Buffer.concat([Buffer.from(`${JSON.stringify(index)}\n`), ...pems.map((pem) => pem.expose())]);
  for (const pem of pems) pem.expose().fill(0);
  try {
    await directory.writeSecret(FILE, new Secret(content));
  } finally {
    content.fill(0);
  }
}

/** A new key with its name. RSA takes a noticeable part of a second. */
export function createJwtKey(kind: JwtKeyKind, times: Pick<JwtKey, "activeFrom" | "expiresAt">): JwtKey {
  const { publicKey, privateKey } = createKeyPair(kind);
  return { keyId: jwkFromPublicKey(publicKey).kid, publicKey, privateKey, ...times };
}

function parse(bytes: Buffer): JwtKeyState {
  const end = bytes.indexOf("\n");
  const text = decodeUtf8(bytes.subarray(0, end < 0 ? 0 : end)) ?? "";
  const index = parseStrictJson(text);
  if (!isJsonObject(index)) throw wrong("it has no line about the keys");
  const { keys, sequence, contentSha256 } = index;
  if (!Array.isArray(keys) || typeof sequence !== "number" || typeof contentSha256 !== "string")
    throw wrong("the line about the keys lacks a member");
  const pairs = readPrivateKeys(bytes.subarray(end + 1));
  const byKeyId = new Map(pairs.map((pair) => [jwkFromPublicKey(pair.publicKey).kid, pair]));
  const read = keys.map((entry: JsonValue) => readKey(entry, byKeyId));
  if (byKeyId.size > 0) throw wrong("it holds a private key that it says nothing about");
  return { keys: read, sequence, contentSha256 };
}

function readKey(entry: JsonValue, privateKeys: Map<string, KeyPair>): JwtKey {
  if (!isJsonObject(entry) || !isJsonObject(entry.jwk)) throw wrong("an entry is not a key");
  const [jwk] = parseJwkSet({ keys: [entry.jwk] }).keys;
  if (!jwk) throw wrong("an entry is a key of an unknown kind");
  const keyId = jwkFromPublicKey(jwk.publicKey).kid;
  if (jwk.kid !== keyId) throw wrong("the name of a key is not its thumbprint");
  const privateKey = privateKeys.get(keyId)?.privateKey;
  privateKeys.delete(keyId);
  return {
    keyId,
    publicKey: jwk.publicKey,
    ...(privateKey ? { privateKey } : {}),
    activeFrom: dateOf(entry, "activeFrom"),
    expiresAt: dateOf(entry, "expiresAt"),
  };
}

function readPrivateKeys(bytes: Buffer): readonly KeyPair[] {
  const starts: number[] = [];
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) starts.push(at);
  if (starts[0] !== undefined && starts[0] > 0) throw wrong("there is text before the private keys");
  if (starts.length === 0 && bytes.length > 0) throw wrong("there is text behind the line about the keys");
  return starts.map((start, index) => keyPairOf(parsePrivateKeyPem(bytes.subarray(start, starts[index + 1]))));
}

function dateOf(entry: JsonObject, name: string): Date {
  const text = entry[name];
  const date = new Date(typeof text === "string" ? text : Number.NaN);
  if (Number.isNaN(date.getTime())) throw wrong(`"${name}" of a key is not a time`);
  return date;
}

function wrong(what: string) {
  return productError("ERR_CA_FILES_INVALID", what);
}
