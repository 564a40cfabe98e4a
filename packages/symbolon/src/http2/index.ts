export { Deadlines } from "./deadlines.ts";
export { encodeHeaders } from "./header-encoder.ts";
export type { Header } from "./header-table.ts";
export type { Transport } from "./output-queue.ts";
export { H2_ERROR } from "./protocol.ts";
export type { RequestHead } from "./request-headers.ts";
export { ServerConnection, type ServerConnectionLimits } from "./server-connection.ts";
export type { ServerStream, StreamConsumer } from "./server-stream.ts";
