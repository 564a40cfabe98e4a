export type { ConnectionRecord, RefusalReason } from "./connection-record.ts";
export type { RequestRecord, ResponseFlag } from "./request-record.ts";
