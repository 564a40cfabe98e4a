/** What a server of the Workload API needs of the wire format: for the fake one in `testing`. */
export { GRPC_STATUS } from "./grpc-status.ts";
export { frameMessage, MessageReader } from "./message-frames.ts";
export { readFields, stringOf } from "./protobuf-reader.ts";
export { encodeField, encodeMap, encodeMessageField, encodeRepeated } from "./protobuf-writer.ts";
