import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { ConnectionRecord } from "./connection-record.ts";
import { PlaintextSightings } from "./plaintext-sightings.ts";

const record = (changes: Partial<ConnectionRecord> = {}): ConnectionRecord => ({
  id: 1,
  direction: "inbound",
  start: "",
  open: false,
  peerAddress: "10.244.0.9",
  originalDestination: "10.244.0.2:8080",
  security: "plaintext",
  bytesSent: 0,
  bytesReceived: 0,
  ...changes,
});

const fixture = () => new PlaintextSightings(() => createFakeClock().now());

describe("sightings of plaintext", () => {
  test("are inbound connections that mutual TLS does not protect, taken or turned away", () => {
    const sightings = fixture();
    const added = [
      record(),
      record({ security: "tls-passthrough" }),
      record({ security: "none", reason: "plaintext_refused" }),
      record({ security: "none", reason: "foreign_tls_refused" }),
      record({ security: "mtls" }),
      record({ direction: "outbound" }),
      record({ security: "none", reason: "peer_not_verified" }),
    ].map((each) => sightings.add(each));
    expect(added).toEqual([true, true, true, true, false, false, false]);
  });

  test("are counted by port, address and outcome; an open connection counts when it ends", () => {
    const sightings = fixture();
    for (const each of [
      record({ open: true }),
      record(),
      record({ peerAddress: "10.244.0.9:41234" }),
      record({ originalDestination: "10.244.0.2:9000" }),
    ])
      sightings.add(each);
    const lastSeen = "2026-01-01T00:00:00.000Z";
    expect(sightings.take()).toEqual([
      { port: 8080, sourceAddress: "10.244.0.9", refused: false, count: 2, lastSeen },
      { port: 9000, sourceAddress: "10.244.0.9", refused: false, count: 1, lastSeen },
    ]);
    expect(sightings.take()).toEqual([]);
  });

  test("are bounded", () => {
    const sightings = fixture();
    for (let n = 0; n < 600; n++) sightings.add(record({ peerAddress: `10.244.${n >> 8}.${n & 255}` }));
    expect(sightings.take()).toHaveLength(512);
  });
});
