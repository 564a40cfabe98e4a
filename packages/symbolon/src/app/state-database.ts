import type { Clock, Log } from "@symbolon/spiffe/core";
import {
  createSqliteDenialStore,
  createSqliteIssuanceLog,
  createSqliteMeshStateStore,
  createSqlitePlaintextCallerStore,
  type openDatabase,
  watchWrites,
} from "../adapters/sqlite/index.ts";
import type { IssuanceLog } from "../ca/index.ts";
import type { DenialStore, MeshStateStore, PlaintextCallerStore } from "../control-plane/index.ts";
import { createOutageWatch, outageText } from "../core/index.ts";

export interface StateDatabase {
  readonly meshState: MeshStateStore;
  readonly issuances: IssuanceLog;
  readonly denials: DenialStore;
  readonly plaintextCallers: PlaintextCallerStore;
  /** For `symbolon status`: that the newest write failed, since when, when it was, why, and what that means. */
  problem(): string | undefined;
  /** Writes what is waiting first. */
  close(): void;
}

/** Everything that the control plane keeps in its one database, which is closed with it. @throws ERR_DATABASE_UNUSABLE */
export function createStateDatabase(options: {
  readonly database: ReturnType<typeof openDatabase>;
  readonly clock: Clock;
  readonly log: Log;
}): StateDatabase {
  const { database, clock } = options;
  const watch = createOutageWatch(clock);
  const meshState = createSqliteMeshStateStore(database);
  const issuances = createSqliteIssuanceLog(options);
  const denials = createSqliteDenialStore(database);
  const callers = createSqlitePlaintextCallerStore(database);
  const isEmpty = (batch: readonly unknown[]): boolean => batch.length === 0;
  return {
    meshState: {
      ...meshState,
      write: watchWrites(watch, meshState.write, ({ put, remove }) => isEmpty([...put, ...remove])),
    },
    issuances: { ...issuances, record: watchWrites(watch, issuances.record, isEmpty) },
    denials: { ...denials, write: watchWrites(watch, denials.write, isEmpty) },
    plaintextCallers: { ...callers, add: watchWrites(watch, callers.add, isEmpty) },
    problem() {
      const outage = watch.outage.current;
      return (
        outage &&
        `control-plane: ${outageText(outage)}; certificates and changes are refused, and proxies keep their denials, until it can be written; the next write that succeeds ends this`
      );
    },
    close() {
      issuances.close();
      database.close();
    },
  };
}
