import type { Metrics } from "#platform/observability/metrics.ts";

/** Metrics that are made when somebody reads them. */
export interface LateMetrics {
  /** Moves a metric; when it is moved makes no difference to what is read. */
  note(move: (metrics: Metrics) => void): void;
  /** What a scrape is answered with. */
  scraped(): Promise<{ readonly type: string; readonly text: string }>;
}

/** So many moves are kept before the metrics are made all the same. */
const MOST_NOTED = 1_000;

/**
 * Metrics for a process that may live for one event: the library behind them takes as long to load as a tenth of the whole start, and is loaded
 * by the first scrape.
 */
export function lateMetrics(): LateMetrics {
  let made: Promise<Metrics> | undefined;
  let noted: ((metrics: Metrics) => void)[] = [];
  const settle = async (): Promise<Metrics> => {
    made ??= import("#platform/observability/metrics.ts").then(({ createMetrics }) => createMetrics());
    const metrics = await made;
    const moves = noted;
    noted = [];
    for (const move of moves) move(metrics);
    return metrics;
  };
  return {
    note: (move) => {
      noted.push(move);
      if (noted.length === MOST_NOTED) void settle();
    },
    scraped: async () => {
      const { registry } = await settle();
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
