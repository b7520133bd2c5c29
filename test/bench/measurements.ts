import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import { type BenchWorld, type Sizes, startBenchWorld } from "#test/bench/bench-world.ts";
import { startFloor } from "#test/bench/floor.ts";
import { buildProgram, type OperatorProcess, startOperatorProcess } from "#test/bench/operator-process.ts";
import { measureAlertStorm } from "#test/bench/phases/alert-storm.ts";
import { measureAtRest, measureEmpty } from "#test/bench/phases/at-rest.ts";
import { measureColdStarts } from "#test/bench/phases/cold-start.ts";
import { measureDeadCluster } from "#test/bench/phases/dead-cluster.ts";
import { measureDeadHarvester } from "#test/bench/phases/dead-harvester.ts";
import { measureIndex } from "#test/bench/phases/index-memory.ts";
import { measureDispatch } from "#test/bench/phases/dispatch-rate.ts";
import { reportLater } from "#test/bench/phases/later.ts";
import { measureMachines } from "#test/bench/phases/machines.ts";
import { measureWaitingPool } from "#test/bench/phases/waiting-pool.ts";
import { histogramQuantile, type Scrape } from "#test/bench/scrape.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";

export interface Bench {
  readonly host: ControlPlaneHost;
  readonly sizes: Sizes;
  readonly sheet: Sheet;
  /** Prefix of the rows that are wanted; all when empty. */
  readonly only: string;
  /** `--request-rate` of capfn; its default when absent. */
  readonly requestRate: string | undefined;
}

/** Measures what has a row that is wanted. What cannot be measured is a failed row; the rest goes on. */
export async function measure(bench: Bench): Promise<void> {
  const { host, sizes, sheet } = bench;
  await attempt(bench, ["coldstart"], () => measureColdStarts(sheet, sizes.coldStarts));
  await attempt(bench, ["dispatch", "wake/hub"], () => measureDispatch(host.clock, sheet, sizes.dispatches));
  await attempt(bench, ["create", "delete", "floor", "wake/operator", "pool", "dead-cluster"], async () => {
    await buildProgram();
    await using world = await startBenchWorld(host, sizes);
    const further = bench.requestRate === undefined ? [] : [`--request-rate=${bench.requestRate}`];
    await using operator = await startOperatorProcess(world.capfnKubeconfig, host.clock, {
      program: "built",
      arguments: further,
    });
    await underLoad(bench, world, operator);
  });
  await attempt(bench, ["dead-harvester"], async () => {
    await buildProgram();
    await using world = await startBenchWorld(host, sizes);
    await using _operator = await startOperatorProcess(world.capfnKubeconfig, host.clock, {
      program: "built",
      arguments: [],
    });
    await measureDeadHarvester(world, sheet);
  });
  await attempt(bench, ["memory", "cpu", "start", "restart", "idle", "standby"], async () => {
    await buildProgram();
    await using world = await startBenchWorld(host, sizes);
    await measureEmpty(world, sheet);
    await attempt(
      bench,
      ["restart", "idle", "standby", "memory/objects", "memory/standby", "cpu/idle-with-objects"],
      () => measureAtRest(world, sheet),
    );
  });
  await attempt(bench, ["index"], () => measureIndex(host.clock, sheet, sizes.indexed));
  await attempt(bench, ["alerts"], async () => {
    await buildProgram();
    await measureAlertStorm(host, sheet, sizes.alerts);
  });
  reportLater(sheet);
}

/** Runs a measurement when one of its rows, given by how they begin, is wanted. */
async function attempt(
  { only, host, sheet }: Bench,
  rows: readonly string[],
  act: () => Promise<void>,
): Promise<void> {
  const wanted = (row: string): boolean =>
    only.split(",").some((prefix) => row.startsWith(prefix) || prefix.startsWith(row));
  if (!rows.some(wanted)) return;
  host.progress(`measuring ${rows.join(", ")}`);
  await act().catch((error: unknown) => sheet.failed(rows[0] ?? "", error));
}

async function underLoad(bench: Bench, world: BenchWorld, operator: OperatorProcess): Promise<void> {
  const { sheet, host } = bench;
  await attempt(bench, ["create", "delete", "floor", "wake/operator"], async () => {
    const before = await operator.scrape();
    const floor = await startFloor(world.client.management, host.clock);
    try {
      await measureMachines(world, sheet);
    } finally {
      reportFloor(sheet, await floor.stop());
    }
    reportWakes(sheet, { before, after: await operator.scrape() });
  });
  await attempt(bench, ["pool"], () => measureWaitingPool(world, sheet));
  await attempt(bench, ["dead-cluster"], () => measureDeadCluster(world, sheet));
  const { resident: value, peak } = await operator.memory();
  const what = "resident memory of capfn run after all that";
  const note = `peak ${peak.toFixed(0)} MB`;
  sheet.measured({ id: "create/memory-afterwards", what, unit: "MB", value, note });
}

const QUANTILES = [
  ["p50", 0.5],
  ["p99", 0.99],
] as const;

function reportFloor(sheet: Sheet, values: readonly number[]): void {
  for (const [name, q] of QUANTILES) {
    const what = `one write of the bench until its own watch delivers it, beside the machines above, ${name}`;
    sheet.measured({ id: `floor/write-to-watch/${name}`, what, unit: "ms", value: quantile(values, q) });
  }
}

function reportWakes(sheet: Sheet, scrapes: { readonly before: Scrape; readonly after: Scrape }): void {
  for (const [name, q] of QUANTILES) {
    const value = histogramQuantile("capfn_wake_latency_seconds", q, scrapes) * 1000;
    const what = `delta -> handler entered, all steps of the machines above, waiting for their key included, ${name}`;
    sheet.measured({ id: `wake/operator/${name}`, what, unit: "ms", value, target: q === 0.5 ? 1 : 10 });
  }
}
