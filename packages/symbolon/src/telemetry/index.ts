export type { ConnectionRecord, RefusalReason } from "./connection-record.ts";
