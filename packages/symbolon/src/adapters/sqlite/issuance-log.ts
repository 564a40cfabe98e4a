import type { Database } from "bun:sqlite";
import { hash } from "node:crypto";
import { type Clock, errorText, isSymbolonError, type Log } from "@symbolon/spiffe/core";
import type { IssuanceLog, IssuanceRecord, IssuanceStatus, StoredIssuance } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";
import { createGroupCommit } from "./group-commit.ts";
import { ISSUANCE_SCHEMA } from "./issuance-schema.ts";
import { migrate } from "./open-database.ts";

export interface SqliteIssuanceLog extends IssuanceLog {
  /** Writes what is waiting; the database belongs to whoever opened it. */
  close(): void;
}

/** Wait for company before a commit: a disk commits a few thousand times a second, a CA signs more. */
const COMMIT_DELAY_MS = 2;
const MAX_COMMIT_DELAY_MS = 10;
const MARK_SIGNED_DELAY_MS = 50;

export function createSqliteIssuanceLog(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
}): SqliteIssuanceLog {
  const { database, clock, log } = options;
  migrate(database, "issuances", ISSUANCE_SCHEMA);
  const statements = prepareStatements(database);
  const issuerDigest = createLatestDigest();
  const group = createGroupCommit({
    database,
    clock,
    delayMs: COMMIT_DELAY_MS,
    maxDelayMs: MAX_COMMIT_DELAY_MS,
    laterDelayMs: MARK_SIGNED_DELAY_MS,
    onLaterFailed: (error) => log.warn("issuances not marked as signed", { error: errorText(error) }),
  });

  return {
    async record(batch) {
      try {
        await group.commit(() => {
          for (const record of batch) insert(statements, record, issuerDigest(record.issuerPublicKey));
        });
      } catch (cause) {
        throw storeError(cause);
      }
    },
    markSigned(serialNumbers) {
      group.commitLater(() => {
        for (const serial of serialNumbers) statements.markSigned.run(fromHex(serial));
      });
    },
    async findBySerial(serialNumber) {
      const row = statements.findBySerial.get(fromHex(serialNumber));
      return row ? fromRow(row) : undefined;
    },
    async list({ limit, beforeSequence }) {
      return statements.list.all(beforeSequence ?? Number.MAX_SAFE_INTEGER, limit).map(fromRow);
    },
    async count() {
      return statements.newest.get()?.sequence ?? 0;
    },
    async newestRecordTime() {
      const row = statements.newest.get();
      return row ? new Date(row.recorded_at) : undefined;
    },
    close: group.flush,
  };
}

interface Row {
  readonly sequence: number;
  readonly serial_number: Uint8Array;
  readonly kind: IssuanceRecord["kind"];
  readonly spiffe_id: string;
  readonly caller: string;
  readonly authenticator: string;
  readonly not_before: number;
  readonly not_after: number;
  readonly recorded_at: number;
  readonly public_key_sha256: Uint8Array;
  readonly tbs_sha256: Uint8Array;
  readonly issuer_public_key_sha256: Uint8Array;
  readonly status: IssuanceStatus;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: Database) {
  return {
    insert: database.query<
      never,
      [Buffer, string, string, string, string, number, number, number, Buffer, Buffer, Buffer]
    >(
      `INSERT INTO issuances (serial_number, kind, spiffe_id, caller, authenticator, not_before, not_after, recorded_at,
         public_key_sha256, tbs_sha256, issuer_public_key_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    otherIdentityOfKey: database.query<{ spiffe_id: string }, [Buffer, string]>(
      "SELECT spiffe_id FROM issuances WHERE public_key_sha256 = ? AND spiffe_id <> ? LIMIT 1",
    ),
    markSigned: database.query<never, [Buffer]>("UPDATE issuances SET status = 'signed' WHERE serial_number = ?"),
    findBySerial: database.query<Row, [Buffer]>("SELECT * FROM issuances WHERE serial_number = ?"),
    list: database.query<Row, [number, number]>(
      "SELECT * FROM issuances WHERE sequence < ? ORDER BY sequence DESC LIMIT ?",
    ),
    newest: database.query<Row, []>("SELECT * FROM issuances ORDER BY sequence DESC LIMIT 1"),
  };
}

function insert(statements: Statements, record: IssuanceRecord, issuerPublicKeySha256: Buffer): void {
  const publicKey = sha256(record.publicKey);
  const other = statements.otherIdentityOfKey.get(publicKey, record.spiffeId);
  if (other)
    throw productError("ERR_CSR_KEY_REUSED", "the public key of the request was certified for another identity", {
      details: { spiffeId: record.spiffeId, otherSpiffeId: other.spiffe_id },
    });
  statements.insert.run(
    fromHex(record.serialNumber),
    record.kind,
    record.spiffeId,
    record.caller,
    record.authenticator,
    record.notBefore.getTime(),
    record.notAfter.getTime(),
    record.recordedAt.getTime(),
    publicKey,
    sha256(record.tbs),
    issuerPublicKeySha256,
  );
}

function fromRow(row: Row): StoredIssuance {
  return {
    sequence: row.sequence,
    serialNumber: toHexText(row.serial_number),
    kind: row.kind,
    spiffeId: row.spiffe_id,
    caller: row.caller,
    authenticator: row.authenticator,
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    recordedAt: new Date(row.recorded_at),
    publicKeySha256: toHexText(row.public_key_sha256),
    tbsSha256: toHexText(row.tbs_sha256),
    issuerPublicKeySha256: toHexText(row.issuer_public_key_sha256),
    status: row.status,
  };
}

function storeError(cause: unknown): unknown {
  if (isSymbolonError(cause)) return cause;
  const code = String((cause as { code?: unknown }).code);
  // A full disk shows as SQLITE_FULL, or as a failed write of the log when the file system answers late.
  return code === "SQLITE_FULL" || code === "SQLITE_IOERR_WRITE"
    ? productError("ERR_ISSUANCE_LOG_FULL", "the issuance log cannot grow: no space left", { cause })
    : productError("ERR_ISSUANCE_LOG_UNAVAILABLE", "the issuance log cannot be written", { cause });
}

/** SHA-256 of bytes that hardly ever change and are not written into: that of the latest is kept. */
function createLatestDigest(): (bytes: Uint8Array) => Buffer {
  let latest: { readonly bytes: Uint8Array; readonly digest: Buffer } | undefined;
  return (bytes) => {
    if (latest?.bytes !== bytes) latest = { bytes, digest: sha256(bytes) };
    return latest.digest;
  };
}

const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");
const fromHex = (text: string): Buffer => Buffer.from(text, "hex");
const toHexText = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
