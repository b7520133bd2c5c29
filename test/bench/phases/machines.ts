import type { BenchWorld } from "#test/bench/bench-world.ts";
import { inParallel } from "#test/bench/pacing.ts";
import { type BenchCluster, createCluster } from "#test/bench/played-cluster.ts";
import { createMachines, untilRunning } from "#test/bench/played-core.ts";
import { live, type Lifecycle, type LifecycleResult } from "#test/bench/phases/lifecycle.ts";
import { reportLifecycle } from "#test/bench/phases/lifecycle-rows.ts";
import type { Sheet } from "#test/bench/sheet.ts";

/** A cluster with one machine that stays, so that connections and watches are there before anything is counted. */
export async function warmCluster(world: BenchWorld, cluster: BenchCluster): Promise<void> {
  const name = `${cluster.name}-warm`;
  await createCluster(world, cluster);
  await createMachines(world, cluster.name, [name]);
  await untilRunning(world, [name], { timeoutMs: 90_000, nodes: cluster.workloadServer === undefined });
}

/**
 * Creates and deletes 1, 10, 100 machines on a pool, and some with DHCP: first with guests that report their address soon, one scenario after
 * the other, then with guests that take their time, all scenarios at once.
 */
export async function measureMachines(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { sizes } = world;
  const scenarios: Lifecycle[] = [
    ...sizes.counts.map(
      (machines) => ({ cluster: `n${machines}`, machines, address: "pool", late: false }) as const,
    ),
    { cluster: `dhcp${sizes.dhcp}`, machines: sizes.dhcp, address: "dhcp", late: false },
  ];
  await inParallel(
    scenarios.entries().toArray(),
    ([index, { cluster, machines, address }]) =>
      warmCluster(world, {
        name: cluster,
        ...(address === "pool" && { pool: { size: machines + 5, subnet: 64 + index } }),
      }),
    2,
  );
  const early: LifecycleResult[] = [];
  for (const scenario of scenarios) {
    const result = await live(world, scenario);
    early.push(result);
    reportLifecycle(world, sheet, result);
  }
  const late = await Promise.all(scenarios.map((scenario) => live(world, { ...scenario, late: true })));
  for (const [index, result] of late.entries()) {
    reportLifecycle(world, sheet, result);
    const before = early[index];
    if (before !== undefined) reportDifference(sheet, before, result);
  }
}

/**
 * The same requests whatever the boot and the stop take. Left out is what depends on timing alone: how many machines share one pool write, and
 * writes that were refused because somebody else was faster.
 */
function reportDifference(sheet: Sheet, early: LifecycleResult, late: LifecycleResult): void {
  for (const step of ["create", "delete"] as const) {
    const total = ({ [step]: counts, machines }: LifecycleResult): number =>
      (counts.harvester - counts.poolWrites + counts.workload + counts.managementWrites - counts.conflicts) /
      machines;
    sheet.measured({
      id: `${step}/requests-more-when-late/${late.cluster}`,
      what: `requests to ${step} one machine (H without pool writes, W, M writes without refused ones): late boot and stop against early ones`,
      unit: "requests",
      value: Math.abs(total(late) - total(early)),
      target: 0,
      note: `early ${total(early)}, late ${total(late)}`,
    });
  }
}
