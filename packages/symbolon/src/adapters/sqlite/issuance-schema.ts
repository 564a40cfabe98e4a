/**
 * The key grows with each row, because a random primary key costs three times as much to insert. The triggers make the
 * table append-only: no bug of ours can lose or change what was recorded.
 */
export const ISSUANCE_SCHEMA = [
  `CREATE TABLE issuances (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    serial_number BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('workload', 'server')),
    spiffe_id TEXT NOT NULL,
    caller TEXT NOT NULL,
    authenticator TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    public_key_sha256 BLOB NOT NULL,
    tbs_sha256 BLOB NOT NULL,
    issuer_public_key_sha256 BLOB NOT NULL,
    status TEXT NOT NULL DEFAULT 'recorded' CHECK (status IN ('recorded', 'signed'))
  ) STRICT;
  CREATE INDEX issuances_public_key ON issuances (public_key_sha256);
  CREATE TRIGGER issuances_keep_rows BEFORE DELETE ON issuances
    BEGIN SELECT RAISE(ABORT, 'issuances are never deleted'); END;
  CREATE TRIGGER issuances_keep_facts BEFORE UPDATE OF sequence, serial_number, kind, spiffe_id, caller, authenticator,
    not_before, not_after, recorded_at, public_key_sha256, tbs_sha256, issuer_public_key_sha256 ON issuances
    BEGIN SELECT RAISE(ABORT, 'issuances are never changed'); END;`,
] as const;
