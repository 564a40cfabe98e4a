import type { Database } from "bun:sqlite";
import { errorText } from "@symbolon/spiffe/core";
import type { MeshStateStore, StateChanges, StateKind, StateRecord } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import { migrate } from "./open-database.ts";

const MESH_STATE_SCHEMA = [
  `CREATE TABLE mesh_state (
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (kind, key)
   ) STRICT, WITHOUT ROWID`,
];

/** The control plane's own records in the state database; the database belongs to whoever opened it. */
export function createSqliteMeshStateStore(database: Database): MeshStateStore {
  migrate(database, "mesh-state", MESH_STATE_SCHEMA);
  const load = database.query<{ kind: string; key: string; value: string }, []>(
    "SELECT kind, key, value FROM mesh_state ORDER BY kind, key",
  );
  const put = database.query<never, [string, string, string]>(
    "INSERT INTO mesh_state (kind, key, value) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
  );
  const remove = database.query<never, [string, string]>("DELETE FROM mesh_state WHERE kind = ? AND key = ?");
  const write = database.transaction((changes: StateChanges) => {
    for (const { kind, key } of changes.remove) remove.run(kind, key);
    for (const { kind, key, value } of changes.put) put.run(kind, key, value);
  });

  return {
    async load() {
      // The column holds what `write` put there: kinds are its type.
      return load.all().map((row): StateRecord => ({ kind: row.kind as StateKind, key: row.key, value: row.value }));
    },
    async write(changes) {
      if (changes.put.length + changes.remove.length === 0) return;
      try {
        write.immediate(changes);
      } catch (cause) {
        throw productError(
          "ERR_STATE_UNWRITABLE",
          `state database "${database.filename}" cannot be written: ${errorText(cause)}`,
          {
            cause,
          },
        );
      }
    },
  };
}
