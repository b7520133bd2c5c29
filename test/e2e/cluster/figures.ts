import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";

/** The value below which this part of all lies, the upper one of two. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** How busy this machine is: processes that wanted to run during the last minute, and CPUs. */
export interface Load {
  readonly average: number;
  readonly cpus: number;
}

export async function loadNow(): Promise<Load> {
  const average = Number((await readFile("/proc/loadavg", "utf8")).split(" ")[0]);
  return { average, cpus: availableParallelism() };
}

/** Whether a duration says something of what was measured: on a machine this busy it tells how long others ran. */
export function isQuiet({ average, cpus }: Load): boolean {
  return average <= 2 * cpus;
}
