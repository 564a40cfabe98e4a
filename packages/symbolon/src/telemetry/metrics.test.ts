import { describe, expect, test } from "bun:test";
import { mergeMetrics, renderMetrics } from "./exposition.ts";
import { createMetricRegistry } from "./metric-registry.ts";

describe("the text exposition format", () => {
  test("has help, type and series of each family, families by name", () => {
    const registry = createMetricRegistry();
    const requests = registry.counter({ name: "z_total", help: "Requests.", labels: ["code"] });
    requests.with(["200"]).add();
    requests.with(["503"]).add(2);
    registry.gauge({ name: "a", help: "Now." }).with([]).set(1.5);
    expect(renderMetrics(registry.snapshot())).toBe(
      '# HELP a Now.\n# TYPE a gauge\na 1.5\n# HELP z_total Requests.\n# TYPE z_total counter\nz_total{code="200"} 1\nz_total{code="503"} 2\n',
    );
  });

  test("buckets are cumulative, a value at a bound is below it, and +Inf has all", () => {
    const registry = createMetricRegistry();
    const family = registry.histogram({ name: "ms", help: "Time.", bounds: [1, 5], labels: ["to"] });
    const histogram = family.with(["b"]);
    for (const value of [0.5, 1, 1.5, 7]) histogram.observe(value);
    expect(renderMetrics(registry.snapshot())).toBe(
      '# HELP ms Time.\n# TYPE ms histogram\nms_bucket{to="b",le="1"} 2\nms_bucket{to="b",le="5"} 3\nms_bucket{to="b",le="+Inf"} 4\nms_sum{to="b"} 10\nms_count{to="b"} 4\n',
    );
  });

  test("values of labels and helps cannot leave their line or their quotes", () => {
    const registry = createMetricRegistry();
    registry
      .counter({ name: "x_total", help: "a\\b\nc", labels: ["l"] })
      .with(['"} 1\nforged 1\\'])
      .add();
    expect(renderMetrics(registry.snapshot())).toBe(
      '# HELP x_total a\\\\b\\nc\n# TYPE x_total counter\nx_total{l="\\"} 1\\nforged 1\\\\"} 1\n',
    );
  });

  test("numbers that are none are written as Prometheus reads them; a family without series is left out", () => {
    const registry = createMetricRegistry();
    registry.counter({ name: "unused_total", help: "None.", labels: ["l"] });
    const gauge = registry.gauge({ name: "g", help: "G.", labels: ["l"] });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      gauge.with([String(value)]).set(value);
    expect(renderMetrics(registry.snapshot()).match(/(?<=} ).*/g)).toEqual(["NaN", "+Inf", "-Inf"]);
  });
});

describe("series", () => {
  test("are one for equal values, in whatever order they are asked for", () => {
    const family = createMetricRegistry().counter({ name: "x_total", help: "X.", labels: ["a", "b"] });
    expect(family.with(["1", "2"])).toBe(family.with(["1", "2"]));
    expect(family.with(["1", "2"])).not.toBe(family.with(["2", "1"]));
    expect(family.with(["1,2", ""])).not.toBe(family.with(["1", ",2"]));
  });

  test("beyond the bound are one that is called other: a million distinct values do not grow the memory (CV-92)", () => {
    const registry = createMetricRegistry();
    const family = registry.counter({ name: "x_total", help: "X.", labels: ["path"], maxSeries: 3 });
    for (let index = 0; index < 1_000_000; index++) family.with([`/${index}`]).add();
    const [snapshot] = registry.snapshot();
    expect(snapshot?.series).toEqual([
      { labels: { path: "/0" }, value: 1 },
      { labels: { path: "/1" }, value: 1 },
      { labels: { path: "/2" }, value: 1 },
      { labels: { path: "other" }, value: 999_997 },
    ]);
  });

  test("have values of bounded length", () => {
    const family = createMetricRegistry().counter({ name: "x_total", help: "X.", labels: ["l"] });
    family.with(["a".repeat(10_000)]).add();
    const [entry] = family.entries();
    expect(entry?.labels.l).toBe("a".repeat(256));
  });

  test("two metrics of one name are a mistake of ours", () => {
    const registry = createMetricRegistry();
    registry.gauge({ name: "x", help: "X." });
    expect(() => registry.counter({ name: "x", help: "X." })).toThrow("two metrics are called x");
  });

  test("what is read where it is, is read for each snapshot", () => {
    const registry = createMetricRegistry();
    const gauge = registry.gauge({ name: "x", help: "X." });
    let now = 0;
    registry.beforeSnapshot(() => gauge.with([]).set(++now));
    registry.snapshot();
    expect(registry.snapshot()[0]?.series).toEqual([{ labels: {}, value: 2 }]);
  });
});

describe("metrics of several processes", () => {
  const process = (count: number) => {
    const registry = createMetricRegistry();
    registry
      .counter({ name: "x_total", help: "X.", labels: ["l"] })
      .with(["v"])
      .add(count);
    return registry.snapshot();
  };

  test("are one family each, and keep apart by their labels", () => {
    const merged = mergeMetrics([
      { labels: { pod: "a" }, families: process(1) },
      { labels: { pod: "b" }, families: process(2) },
    ]);
    expect(renderMetrics(merged)).toBe(
      '# HELP x_total X.\n# TYPE x_total counter\nx_total{pod="a",l="v"} 1\nx_total{pod="b",l="v"} 2\n',
    );
  });

  test("of another kind under the same name are left out instead of spoiling the page", () => {
    const other = createMetricRegistry();
    other.gauge({ name: "x_total", help: "X." }).with([]).set(3);
    const merged = mergeMetrics([
      { labels: { pod: "a" }, families: process(1) },
      { labels: { pod: "b" }, families: other.snapshot() },
    ]);
    expect(renderMetrics(merged)).toContain('x_total{pod="a",l="v"} 1\n');
    expect(renderMetrics(merged)).not.toContain('pod="b"');
  });
});
