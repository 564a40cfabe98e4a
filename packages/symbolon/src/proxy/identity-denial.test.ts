import { describe, expect, test } from "bun:test";
import type { ConnectionRecord } from "../telemetry/index.ts";
import { identityDenial } from "./identity-denial.ts";

const CONTEXT = {
  time: "2026-01-01T00:00:00.000Z",
  configVersion: 7,
  workload: { namespace: "foo", podName: "httpbin", podUid: "u" },
};
const record = (changes: Partial<ConnectionRecord> = {}): ConnectionRecord => ({
  id: 3,
  direction: "inbound",
  start: "",
  open: true,
  peerAddress: "10.244.0.9",
  originalDestination: "10.244.0.2:8080",
  security: "none",
  reason: "plaintext_refused",
  detail: "STRICT: the connection does not start with TLS",
  bytesSent: 0,
  bytesReceived: 0,
  ...changes,
});

describe("a refusal by mutual TLS", () => {
  test("is a denial of a connection", () => {
    expect(identityDenial(record(), CONTEXT)).toEqual({
      ...CONTEXT,
      what: "connection",
      connectionId: 3,
      reason: "plaintext_refused",
      detail: "STRICT: the connection does not start with TLS",
      connection: { sourceAddress: "10.244.0.9", destinationAddress: "10.244.0.2", destinationPort: 8080 },
    });
  });

  test("for any other reason, outbound or without a reason it is none", () => {
    const { reason: _reason, ...allowed } = record();
    for (const each of [
      record({ reason: "limit_exceeded" }),
      record({ reason: "access_denied" }),
      record({ reason: "connect_failed" }),
      record({ direction: "outbound" }),
      allowed,
    ])
      expect(identityDenial(each, CONTEXT)).toBeUndefined();
  });
});
