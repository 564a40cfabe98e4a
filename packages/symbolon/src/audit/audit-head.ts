import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { isJsonObject, type JsonValue } from "@symbolon/spiffe/core";
import { NO_LINE } from "./audit-line.ts";

/** How far a log goes: its last line's number and hash, and with it, through the chain, every line before. */
export interface AuditHead {
  /** Name of the log, so that one log's head says nothing about another. */
  readonly log: string;
  readonly seq: number;
  /** Hash of line `seq`. */
  readonly hash: string;
  /** When it was signed. */
  readonly time: string;
}

export interface SignedAuditHead extends AuditHead {
  /** SHA-256 of the public key's SPKI, hex. */
  readonly keyId: string;
  /** Ed25519 over the five lines of `signedText`, base64. */
  readonly signature: string;
}

export function signAuditHead(head: AuditHead, keys: { privateKey: KeyObject; publicKey: KeyObject }): SignedAuditHead {
  const signature = sign(null, signedText(head), keys.privateKey).toString("base64");
  return { ...head, keyId: auditKeyId(keys.publicKey), signature };
}

export function isSignedBy(head: SignedAuditHead, publicKey: KeyObject): boolean {
  return verify(null, signedText(head), publicKey, Buffer.from(head.signature, "base64"));
}

/** What a log signs before its first line, so that a crash in its first moments leaves no log without a head. */
export const isHeadOfEmptyLog = ({ seq, hash }: AuditHead): boolean => seq === 0 && hash === NO_LINE;

export function auditKeyId(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** @returns undefined when the text is no PEM of an Ed25519 public key */
export function parseAuditKey(pem: Buffer): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}

export const formatAuditHead = (head: SignedAuditHead): string => `${JSON.stringify(head)}\n`;

/** Undefined when the bytes are no signed head. */
export function parseAuditHead(content: Buffer): SignedAuditHead | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(content.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { log, seq, hash, time, keyId, signature } = value;
  const texts = [log, hash, time, keyId, signature].every((field) => typeof field === "string");
  return texts && Number.isSafeInteger(seq) ? (value as unknown as SignedAuditHead) : undefined;
}

/** No field holds a newline that could move text from one field to the next: names and hashes are ours, numbers are numbers. */
function signedText({ log, seq, hash, time }: AuditHead): Buffer {
  return Buffer.from(["symbolon-audit-head/1", log, String(seq), hash, time].map((line) => `${line}\n`).join(""));
}
