import { describe, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import type { ConnectionRecord } from "../telemetry/index.ts";
import { createConnectionRegistry } from "./connection-registry.ts";
import { Leg } from "./leg.ts";

const leg = () => new Leg({ onClosed: () => undefined }, 1024);
const facts = (peerAddress = "10.0.0.2") => ({
  direction: "inbound" as const,
  peerAddress,
  originalDestination: "10.0.0.1:80",
  security: "none" as const,
});

describe("the registry of connections", () => {
  test("knows a connection from its accept to its end, with times of its clock and bytes of its legs", async () => {
    const clock = createFakeClock(new Date("2026-01-01T00:00:00Z"));
    const ended: ConnectionRecord[] = [];
    const registry = createConnectionRegistry(clock, (record) => ended.push(record));
    const connection = registry.open(facts(), leg());
    expect(registry.live.size).toBe(1);
    connection.downstream.bytesReceived = 7;
    connection.upstream = leg();
    connection.upstream.bytesReceived = 9;
    expect(registry.records()).toEqual([
      { ...facts(), id: 1, start: "2026-01-01T00:00:00.000Z", open: true, bytesReceived: 7, bytesSent: 9 },
    ]);
    await clock.advance(1500);
    clock.stepWallClock(-60_000);
    connection.finish();
    expect(ended).toEqual([
      {
        ...facts(),
        id: 1,
        start: "2026-01-01T00:00:00.000Z",
        open: false,
        durationMs: 1500,
        bytesReceived: 7,
        bytesSent: 9,
      },
    ]);
    expect(registry.live.size).toBe(0);
  });

  test("ends a connection once, however often it is told", () => {
    const ended: ConnectionRecord[] = [];
    const registry = createConnectionRegistry(createFakeClock(), (record) => ended.push(record));
    const first = registry.open(facts(), leg());
    registry.open(facts(), leg());
    first.finish();
    first.finish();
    expect(ended.length).toBe(1);
    expect(registry.countOf("10.0.0.2")).toBe(1);
  });

  test("counts by address what is open", () => {
    const registry = createConnectionRegistry(createFakeClock());
    const mine = [registry.open(facts("10.0.0.2"), leg()), registry.open(facts("10.0.0.2"), leg())];
    registry.open(facts("10.0.0.3"), leg());
    expect(["10.0.0.2", "10.0.0.3", "10.0.0.4"].map(registry.countOf)).toEqual([2, 1, 0]);
    for (const connection of mine) connection.finish();
    expect(["10.0.0.2", "10.0.0.3", "10.0.0.4"].map(registry.countOf)).toEqual([0, 1, 0]);
  });

  test("keeps the newest 256 that have ended, beside all that live, oldest first", () => {
    const registry = createConnectionRegistry(createFakeClock());
    const live = registry.open(facts(), leg());
    for (let index = 0; index < 300; index++) registry.open(facts(), leg()).finish();
    const ids = registry.records().map(({ id }) => id);
    expect(ids).toEqual([1, ...Array.from({ length: 256 }, (_, index) => 46 + index)]);
    live.finish();
    expect(registry.records().length).toBe(256);
  });
});
