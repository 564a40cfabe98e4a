export { createSqliteDenialStore } from "./denial-store.ts";
export { createSqliteIssuanceLog, type SqliteIssuanceLog } from "./issuance-log.ts";
export { createSqliteMeshStateStore } from "./object-store.ts";
export { migrate, openDatabase } from "./open-database.ts";
export { createSqlitePlaintextCallerStore } from "./plaintext-caller-store.ts";
export { watchWrites } from "./watch-writes.ts";
