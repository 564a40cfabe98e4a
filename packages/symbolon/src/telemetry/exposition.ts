import type { FamilySnapshot, Labels, SeriesSnapshot } from "./metric-family.ts";

/** Of the Prometheus text exposition format, version 0.0.4. */
export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Families by name, each with its help and type once; a family without series is left out. */
export function renderMetrics(families: readonly FamilySnapshot[]): string {
  return families
    .filter(({ series }) => series.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(
      (family) =>
        `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n${family.series.map((series) => renderSeries(family, series)).join("")}`,
    )
    .join("");
}

/** One set of families from those of several processes, whose series keep apart by the labels that each is given. */
export function mergeMetrics(
  parts: readonly { readonly labels: Labels; readonly families: readonly FamilySnapshot[] }[],
): readonly FamilySnapshot[] {
  const merged = new Map<string, FamilySnapshot & { readonly series: SeriesSnapshot[] }>();
  for (const { labels, families } of parts)
    for (const family of families) {
      const into = merged.get(family.name) ?? { ...family, series: [] };
      merged.set(family.name, into);
      // A process of another version may count in other buckets or another way: its numbers do not mix with these.
      if (into.type !== family.type || String(into.bounds) !== String(family.bounds)) continue;
      for (const series of family.series) into.series.push({ ...series, labels: { ...labels, ...series.labels } });
    }
  return [...merged.values()];
}

function renderSeries({ name, bounds = [] }: FamilySnapshot, series: SeriesSnapshot): string {
  if ("value" in series) return `${name}${renderLabels(series.labels)} ${renderNumber(series.value)}\n`;
  let total = 0;
  const buckets = series.counts.map((count, index) => {
    total += count;
    const le = index < bounds.length ? renderNumber(bounds[index] as number) : "+Inf";
    return `${name}_bucket${renderLabels({ ...series.labels, le })} ${total}\n`;
  });
  const labels = renderLabels(series.labels);
  return `${buckets.join("")}${name}_sum${labels} ${renderNumber(series.sum)}\n${name}_count${labels} ${total}\n`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
