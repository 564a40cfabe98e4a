import type { Database } from "bun:sqlite";
import { errorText } from "@symbolon/spiffe/core";
import type { DenialStore } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import type { DenialQuery, StoredDenial } from "../../telemetry/index.ts";
import { migrate } from "./open-database.ts";

const DENIAL_SCHEMA = [
  `CREATE TABLE denials (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     stored_at INTEGER NOT NULL,
     namespace TEXT NOT NULL,
     pod_name TEXT NOT NULL,
     request_id TEXT,
     value TEXT NOT NULL
   ) STRICT;
   CREATE INDEX denials_request ON denials (request_id) WHERE request_id IS NOT NULL;
   CREATE INDEX denials_stored_at ON denials (stored_at);
   CREATE INDEX denials_workload ON denials (namespace, pod_name);`,
];

interface Row {
  readonly sequence: number;
  readonly value: string;
}

/** Denials in the state database; the database belongs to whoever opened it. */
export function createSqliteDenialStore(database: Database): DenialStore {
  migrate(database, "denials", DENIAL_SCHEMA);
  const known = database.query<{ id: string }, [string]>("SELECT id FROM denials WHERE id = ?");
  const insert = database.query<never, [string, number, string, string, string | null, string]>(
    "INSERT INTO denials (id, stored_at, namespace, pod_name, request_id, value) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
  );
  const forgetOld = database.query<never, [number]>("DELETE FROM denials WHERE stored_at < ?");
  const forgetMany = database.query<never, [number]>(
    "DELETE FROM denials WHERE sequence <= (SELECT max(sequence) FROM denials) - ?",
  );
  const write = database.transaction((...[denials, { now, notBefore, atMost }]: Parameters<DenialStore["write"]>) => {
    for (const denial of denials) {
      const { namespace, podName } = denial.workload;
      insert.run(denial.id, now.getTime(), namespace, podName, denial.requestId ?? null, JSON.stringify(denial));
    }
    forgetOld.run(notBefore.getTime());
    forgetMany.run(atMost);
  });

  return {
    onlyNew: (denials) => denials.filter(({ id }) => known.get(id) === null),
    write(denials, keep) {
      if (denials.length === 0) return;
      try {
        write.immediate(denials, keep);
      } catch (cause) {
        throw productError(
          "ERR_STATE_UNWRITABLE",
          `state database "${database.filename}" cannot be written: ${errorText(cause)}`,
          { cause },
        );
      }
    },
    list(query) {
      const { where, values } = conditionsOf(query);
      const rows = database
        .query<Row, (string | number)[]>(
          `SELECT sequence, value FROM denials ${where} ORDER BY sequence ${query.after === undefined ? "DESC" : "ASC"} LIMIT ?`,
        )
        .all(...values, query.last);
      const found = rows.map(({ sequence, value }) => ({ ...JSON.parse(value), sequence }) as StoredDenial);
      return query.after === undefined ? found.reverse() : found;
    },
  };
}

function conditionsOf({ requestId, namespace, workload, after }: DenialQuery) {
  const conditions: string[] = [];
  const values: (string | number)[] = [];
  const add = (condition: string, ...bound: (string | number)[]): void => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (requestId !== undefined) add("(request_id = ? OR id = ?)", requestId, requestId);
  if (namespace !== undefined) add("namespace = ?", namespace);
  // Pods of a Deployment have its name and two random parts behind it.
  if (workload !== undefined)
    add("(pod_name = ? OR substr(pod_name, 1, ?) = ?)", workload, workload.length + 1, `${workload}-`);
  if (after !== undefined) add("sequence > ?", after);
  return { where: conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`, values };
}
