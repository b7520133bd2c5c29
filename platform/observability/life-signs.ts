import { Gauge, Registry } from "prom-client";

/** Whether a process acts, at the moment of a scrape. */
export interface LifeSigns {
  /** It may act: no other process leads. */
  readonly leading: boolean;
  /** It has seen everything it looks at, or is there to take over. */
  readonly ready: boolean;
}

/** What a process that does not act has to say of itself. */
export function createLifeSigns(signs: () => LifeSigns): Registry {
  const registry = new Registry();
  registerLifeSigns([registry], signs);
  return registry;
}

/** The same as part of other metrics. */
export function registerLifeSigns(registers: Registry[], signs: () => LifeSigns): void {
  const figures = [
    ["capfn_leading", "1 for the process that acts, 0 for one that is there to take over", "leading"],
    ["capfn_ready", "1 when everything that is looked at has been listed, or another process leads", "ready"],
  ] as const;
  const gauges = figures.map(
    ([name, help, sign]) =>
      new Gauge({
        name,
        help,
        collect() {
          this.set(signs()[sign] ? 1 : 0);
        },
        registers: [],
      }),
  );
  for (const each of gauges) for (const registry of registers) registry.registerMetric(each);
}
