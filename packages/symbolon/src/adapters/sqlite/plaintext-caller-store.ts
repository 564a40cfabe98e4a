import type { Database } from "bun:sqlite";
import { errorText } from "@symbolon/spiffe/core";
import type { PlaintextCallerStore } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import type { PlaintextCaller } from "../../telemetry/index.ts";
import { migrate } from "./open-database.ts";

const PLAINTEXT_CALLER_SCHEMA = [
  `CREATE TABLE plaintext_callers (
     namespace TEXT NOT NULL,
     workload TEXT NOT NULL,
     port INTEGER NOT NULL,
     caller TEXT NOT NULL,
     refused INTEGER NOT NULL,
     count INTEGER NOT NULL,
     first_seen TEXT NOT NULL,
     last_seen TEXT NOT NULL,
     PRIMARY KEY (namespace, workload, port, caller, refused)
   ) STRICT, WITHOUT ROWID`,
];
const MAX_ROWS = 10_000;

type Row = Omit<PlaintextCaller, "refused"> & { readonly refused: number };

/** Callers without mutual TLS in the state database; the database belongs to whoever opened it. */
export function createSqlitePlaintextCallerStore(database: Database): PlaintextCallerStore {
  migrate(database, "plaintext-callers", PLAINTEXT_CALLER_SCHEMA);
  const put = database.query<never, [string, string, number, string, number, number, string, string]>(
    `INSERT INTO plaintext_callers (namespace, workload, port, caller, refused, count, first_seen, last_seen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count, last_seen = max(last_seen, excluded.last_seen)`,
  );
  const forgetOld = database.query<never, [string]>("DELETE FROM plaintext_callers WHERE last_seen < ?");
  // Addresses of a scan may be many; the oldest of them go first.
  const forgetMany = database.query<never, [number]>(
    `DELETE FROM plaintext_callers WHERE last_seen <
       (SELECT last_seen FROM plaintext_callers ORDER BY last_seen DESC LIMIT 1 OFFSET ?)`,
  );
  const all = database.query<Row, [string | null, string | null, number]>(
    `SELECT namespace, workload, port, caller, refused, count, first_seen AS firstSeen, last_seen AS lastSeen
     FROM plaintext_callers WHERE ? IS NULL OR namespace = ? ORDER BY last_seen DESC, workload, port, caller LIMIT ?`,
  );
  const write = database.transaction((...[callers, { notBefore }]: Parameters<PlaintextCallerStore["add"]>) => {
    for (const { namespace, workload, port, caller, refused, count, firstSeen, lastSeen } of callers)
      put.run(namespace, workload, port, caller, refused ? 1 : 0, count, firstSeen, lastSeen);
    forgetOld.run(notBefore.toISOString());
    forgetMany.run(MAX_ROWS - 1);
  });

  return {
    add(callers, keep) {
      try {
        write.immediate(callers, keep);
      } catch (cause) {
        throw productError(
          "ERR_STATE_UNWRITABLE",
          `state database "${database.filename}" cannot be written: ${errorText(cause)}`,
          { cause },
        );
      }
    },
    list: (namespace = "") =>
      all
        .all(namespace || null, namespace || null, MAX_ROWS)
        .map(({ refused, ...row }) => ({ ...row, refused: refused === 1 })),
  };
}
