import { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";

/**
 * Pages that the log ahead of the database (`-wal`) gathers before they are copied into it: 32 MB. The index of keys
 * changes a random page for each certificate; the more of them come together, the fewer are copied twice.
 */
const PAGES_IN_LOG = 8000;

/**
 * Opens the state database, or makes it, readable by its owner alone. Every commit reaches the disk before it returns
 * (`synchronous=FULL`): what was acknowledged survives a power cut.
 */
export function openDatabase(path: string): Database {
  try {
    // Made before SQLite sees it: SQLite's own files (-wal, -shm) take their mode from this one.
    closeSync(openSync(path, "a", 0o600));
    const database = new Database(path, { strict: true });
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = FULL");
    database.run(`PRAGMA wal_autocheckpoint = ${PAGES_IN_LOG}`);
    database.run("PRAGMA foreign_keys = ON");
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA trusted_schema = OFF");
    return database;
  } catch (cause) {
    throw productError("ERR_DATABASE_UNUSABLE", `cannot open database "${path}": ${errorText(cause)}`, { cause });
  }
}

/**
 * Brings one area's tables up to date: each step runs once, in order, in a transaction of its own.
 * Steps are only ever added at the end.
 */
export function migrate(database: Database, area: string, steps: readonly string[]): void {
  database.run(
    "CREATE TABLE IF NOT EXISTS schema_steps (area TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (area, step)) STRICT, WITHOUT ROWID",
  );
  const done =
    database.query<{ count: number }, [string]>("SELECT count(*) AS count FROM schema_steps WHERE area = ?").get(area)
      ?.count ?? 0;
  if (done > steps.length)
    throw productError(
      "ERR_DATABASE_UNUSABLE",
      `database "${database.filename}" was written by a newer version (${area}: step ${done}, this version knows ${steps.length}); install that version again`,
    );
  steps.slice(done).forEach((step, index) => {
    database.transaction(() => {
      database.run(step);
      database.run("INSERT INTO schema_steps (area, step) VALUES (?, ?)", [area, done + index + 1]);
    })();
  });
}
