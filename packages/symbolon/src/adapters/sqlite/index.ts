export { createSqliteIssuanceLog, type SqliteIssuanceLog } from "./issuance-log.ts";
export { migrate, openDatabase } from "./open-database.ts";
