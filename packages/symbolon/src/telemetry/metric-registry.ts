import { Counter, Family, type FamilyOptions, type FamilySnapshot, Gauge, Histogram } from "./metric-family.ts";

/** All metrics of one process. */
export interface MetricRegistry {
  counter(options: FamilyOptions): Family<Counter>;
  gauge(options: FamilyOptions): Family<Gauge>;
  histogram(options: FamilyOptions & { readonly bounds: readonly number[] }): Family<Histogram>;
  /** Called before each snapshot: for what is read where it is instead of being counted as it happens. */
  beforeSnapshot(refresh: () => void): void;
  snapshot(): readonly FamilySnapshot[];
}

/** @throws TypeError when two families have one name */
export function createMetricRegistry(): MetricRegistry {
  const families = new Map<string, () => FamilySnapshot>();
  const refreshers: (() => void)[] = [];

  const add = <Series>(
    family: Family<Series>,
    snapshot: (family: Family<Series>) => FamilySnapshot,
  ): Family<Series> => {
    const { name } = family.options;
    if (families.has(name)) throw new TypeError(`two metrics are called ${name}`);
    families.set(name, () => snapshot(family));
    return family;
  };
  const numbers =
    (type: "counter" | "gauge") =>
    (family: Family<{ readonly value: number }>): FamilySnapshot => ({
      name: family.options.name,
      help: family.options.help,
      type,
      series: Array.from(family.entries(), ({ labels, series }) => ({ labels, value: series.value })),
    });

  return {
    counter: (options) => add(new Family(options, () => new Counter()), numbers("counter")),
    gauge: (options) => add(new Family(options, () => new Gauge()), numbers("gauge")),
    histogram: ({ bounds, ...options }) =>
      add(new Family(options, () => new Histogram(bounds)), (family) => ({
        name: options.name,
        help: options.help,
        type: "histogram",
        bounds,
        series: Array.from(family.entries(), ({ labels, series }) => ({
          labels,
          counts: [...series.counts],
          sum: series.sum,
        })),
      })),
    beforeSnapshot: (refresh) => void refreshers.push(refresh),
    snapshot() {
      for (const refresh of refreshers) refresh();
      return Array.from(families.values(), (read) => read());
    },
  };
}
