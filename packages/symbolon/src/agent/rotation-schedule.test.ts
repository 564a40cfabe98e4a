import { describe, expect, test } from "bun:test";
import { createFakeRandom } from "@symbolon/spiffe/testing";
import { RENEWAL_WINDOW, renewalDelayMs, retryDelayMs } from "./rotation-schedule.ts";

const HOUR_MS = 3_600_000;
const receivedAt = new Date("2026-01-01T00:00:00Z");
const notAfter = new Date("2026-01-02T00:00:00Z");

describe("renewal point (RR-01)", () => {
  test("lies between 70 % and 80 % of the life, 75 % on average", () => {
    const random = createFakeRandom(7);
    const delays = Array.from({ length: 10_000 }, () => renewalDelayMs({ receivedAt, notAfter }, random));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(24 * HOUR_MS * RENEWAL_WINDOW.from);
    expect(Math.max(...delays)).toBeLessThan(24 * HOUR_MS * RENEWAL_WINDOW.to);
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    expect(Math.abs(mean / HOUR_MS - 18)).toBeLessThan(0.02);
  });

  test("10,000 agents that started in the same second do not renew together, in three generations", () => {
    const random = createFakeRandom(11);
    let received = Array.from({ length: 10_000 }, () => receivedAt.getTime());
    for (let generation = 1; generation <= 3; generation++) {
      received = received.map(
        (at) => at + renewalDelayMs({ receivedAt: new Date(at), notAfter: new Date(at + 24 * HOUR_MS) }, random),
      );
      const perMinute = new Map<number, number>();
      for (const at of received)
        perMinute.set(Math.floor(at / 60_000), (perMinute.get(Math.floor(at / 60_000)) ?? 0) + 1);
      // The window of the first generation has 144 minutes: about 69 renewals a minute.
      expect(Math.max(...perMinute.values())).toBeLessThanOrEqual(2 * 69);
    }
  });

  test("the first generation is uniform (Kolmogorov-Smirnov, p > 0.01)", () => {
    const random = createFakeRandom(13);
    const count = 10_000;
    const fractions = Array.from(
      { length: count },
      () => (renewalDelayMs({ receivedAt, notAfter }, random) / (24 * HOUR_MS) - 0.7) / 0.1,
    ).sort((a, b) => a - b);
    const distance = Math.max(
      ...fractions.map((fraction, index) =>
        Math.max(Math.abs(fraction - index / count), Math.abs(fraction - (index + 1) / count)),
      ),
    );
    expect(distance).toBeLessThan(1.63 / Math.sqrt(count));
  });

  test("a certificate that has already expired is renewed at once, never after a negative time", () => {
    expect(renewalDelayMs({ receivedAt: notAfter, notAfter: receivedAt }, createFakeRandom())).toBe(0);
  });
});

describe("delay after a failure (RR-06)", () => {
  const longest = (attempt: number, remaining: number | undefined) =>
    retryDelayMs(attempt, remaining, { bytes: () => new Uint8Array(), fraction: () => 1 });

  test("grows from 1 s by doubling to 60 s, and to 120 s while more than half of the life remains", () => {
    expect([0, 1, 2, 5, 6, 100].map((attempt) => longest(attempt, undefined))).toEqual([
      1000, 2000, 4000, 32_000, 60_000, 60_000,
    ]);
    expect(longest(100, 0.5)).toBe(60_000);
    expect(longest(100, 0.51)).toBe(120_000);
  });

  test("the jitter is full: from zero to the cap", () => {
    expect(retryDelayMs(100, undefined, { bytes: () => new Uint8Array(), fraction: () => 0 })).toBe(0);
  });
});
