/** The kinds of metric of the Prometheus exposition formats that are used here. */
export type MetricType = "counter" | "gauge" | "histogram";

export type Labels = Readonly<Record<string, string>>;

/** A family with its values at one moment. JSON-safe: it travels from a proxy to whoever asks. */
export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  readonly bounds?: readonly number[];
  readonly series: readonly SeriesSnapshot[];
}

export type SeriesSnapshot =
  | { readonly labels: Labels; readonly value: number }
  /** `counts` has one number a bucket, each without those before it, and one more for what is above the last bound. */
  | { readonly labels: Labels; readonly counts: readonly number[]; readonly sum: number };

export interface FamilyOptions {
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  readonly labels?: readonly string[];
  /** Series beyond so many are one, whose labels are all `other` (CV-92). */
  readonly maxSeries?: number;
}

/** Value of every label of the one series that counts what has no room for a series of its own. */
export const OVERFLOW = "other";
const MAX_SERIES = 2000;
const MAX_LABEL_LENGTH = 256;

/** A number that only grows. */
export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

export class Gauge {
  value = 0;

  set(value: number): void {
    this.value = value;
  }
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    this.counts[index] = (this.counts[index] as number) + 1;
    this.sum += value;
  }
}

/** Series of one name, told apart by the values of its labels. The number of series is bounded, whatever is asked for. */
export class Family<Series> {
  readonly #options: FamilyOptions;
  readonly #create: () => Series;
  readonly #series = new Map<string, { readonly labels: Labels; readonly series: Series }>();

  constructor(options: FamilyOptions, create: () => Series) {
    this.#options = options;
    this.#create = create;
    if (this.#labelNames.length === 0) this.with([]);
  }

  /** The series with these values, in the order of the label names. Keep what is returned where it is used often. */
  with(values: readonly string[]): Series {
    const names = this.#labelNames;
    const bounded = values.map((value) => (value.length > MAX_LABEL_LENGTH ? value.slice(0, MAX_LABEL_LENGTH) : value));
    const key = JSON.stringify(bounded);
    const known = this.#series.get(key);
    if (known) return known.series;
    if (this.#series.size >= (this.#options.maxSeries ?? MAX_SERIES) && bounded.some((value) => value !== OVERFLOW))
      return this.with(names.map(() => OVERFLOW));
    const labels = Object.fromEntries(names.map((name, index) => [name, bounded[index] ?? ""]));
    const series = this.#create();
    this.#series.set(key, { labels, series });
    return series;
  }

  /** Forgets all series: of gauges whose labels follow what there is. */
  clear(): void {
    this.#series.clear();
  }

  get options(): FamilyOptions {
    return this.#options;
  }

  entries(): Iterable<{ readonly labels: Labels; readonly series: Series }> {
    return this.#series.values();
  }

  get #labelNames(): readonly string[] {
    return this.#options.labels ?? [];
  }
}
