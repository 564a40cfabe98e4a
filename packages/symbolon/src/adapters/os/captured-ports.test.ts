import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { portRanges } from "./captured-ports.ts";

describe("captured ports as ranges", () => {
  test("join neighbours, in any order and with repetitions", () => {
    const cases: readonly [readonly number[], readonly string[]][] = [
      [[], []],
      [[80], ["80"]],
      [
        [80, 82],
        ["80", "82"],
      ],
      [[80, 81], ["80-81"]],
      [[9, 10, 8], ["8-10"]],
      [
        [443, 80, 443, 8080, 8081, 81],
        ["80-81", "443", "8080-8081"],
      ],
      [
        [1, 65_535],
        ["1", "65535"],
      ],
    ];
    for (const [ports, ranges] of cases) expect(portRanges(ports)).toEqual(ranges);
  });

  test("hold exactly the ports that were given, and no two of them touch", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 })), (ports) => {
        const ranges = portRanges(ports).map((range) => range.split("-").map(Number));
        const held = ranges.flatMap(([first = 0, last = first]) =>
          Array.from({ length: last - first + 1 }, (_, index) => first + index),
        );
        expect(held).toEqual([...new Set(ports)].sort((a, b) => a - b));
        for (const [index, [first = 0]] of ranges.entries())
          if (index > 0) expect(first).toBeGreaterThan((ranges[index - 1]?.at(-1) ?? 0) + 1);
      }),
    );
  });
});
