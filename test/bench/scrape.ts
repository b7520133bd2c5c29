/** One look at `/metrics` (Prometheus text format). */
export interface Scrape {
  /** Sum over all series of this name. */
  total(name: string): number;
  /** Series and their values, e.g. `{function="vm-create",outcome="done"}` -> 3. */
  series(name: string): ReadonlyMap<string, number>;
}

export function parseMetrics(text: string): Scrape {
  const values = new Map<string, Map<string, number>>();
  for (const line of text.split("\n")) {
    const match = /^([a-z_:]+)(\{.*\})? (\S+)$/i.exec(line);
    if (match === null) continue;
    const [, name = "", labels = "", value] = match;
    const known = values.get(name) ?? new Map<string, number>();
    values.set(name, known.set(labels, Number(value)));
  }
  const series = (name: string): ReadonlyMap<string, number> => values.get(name) ?? new Map();
  return {
    series,
    total: (name) => [...series(name).values()].reduce((sum, value) => sum + value, 0),
  };
}

/**
 * A quantile of what a histogram counted between two scrapes, over all its label sets, in its own unit: linear within a bucket, as
 * `histogram_quantile` of Prometheus has it. NaN when nothing was counted.
 */
export function histogramQuantile(
  name: string,
  q: number,
  { before, after }: { readonly before: Scrape; readonly after: Scrape },
): number {
  const bounds = new Map<number, number>();
  for (const [scrape, sign] of [
    [after, 1],
    [before, -1],
  ] as const) {
    for (const [labels, count] of scrape.series(`${name}_bucket`)) {
      const bound = /le="([^"]+)"/.exec(labels)?.[1] ?? "";
      const at = bound === "+Inf" ? Infinity : Number(bound);
      bounds.set(at, (bounds.get(at) ?? 0) + sign * count);
    }
  }
  const buckets = [...bounds].sort(([a], [b]) => a - b);
  const wanted = q * (buckets.at(-1)?.[1] ?? 0);
  let lower = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= wanted && count > 0) {
      return bound === Infinity ? lower : lower + ((bound - lower) * (wanted - below)) / (count - below || 1);
    }
    lower = bound;
    below = count;
  }
  return Number.NaN;
}
