import { ipPools } from "#platform/kube/resources.ts";
import type { BenchWorld } from "#test/bench/bench-world.ts";
import { until } from "#test/bench/pacing.ts";
import { createMachines, deleteMachines, machineNames, tidyUp } from "#test/bench/played-core.ts";
import { ranges } from "#test/bench/played-cluster.ts";
import { warmCluster } from "#test/bench/phases/machines.ts";
import { countRequests, settledNow, topKinds } from "#test/bench/request-counts.ts";
import { quantile, type Sheet } from "#test/bench/sheet.ts";

const CLUSTER = "waiting";
const SUBNET = 90;

/** Many machines wait for a pool without a free address; then the pool grows. */
export async function measureWaitingPool(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { lab, clock, client, seen, sizes } = world;
  const names = machineNames(`${CLUSTER}-`, sizes.waiting);
  await warmCluster(world, { name: CLUSTER, pool: { size: 1, subnet: SUBNET } });
  await createMachines(world, CLUSTER, names);
  const waitingSince = await settledNow(clock, 6_000);
  const quietUntil = await settledNow(clock, 5_000);
  const quiet = await countRequests(lab, { since: waitingSince, until: quietUntil }, CLUSTER);

  const grownAt = performance.now();
  const spec = { ranges: ranges({ size: sizes.waiting + 5, subnet: SUBNET }) };
  await client.harvester.mergePatch(ipPools, { name: CLUSTER }, { spec });
  await until(clock, "every waiting machine has an address and a VM", {
    holds: () =>
      names.every((name) => seen.allocatedAt(name) !== undefined && seen.of(name).vmSeenAt !== undefined),
    timeoutMs: 120_000,
  });
  const after = await countRequests(lab, { since: quietUntil, until: await settledNow(clock) }, CLUSTER);
  const all = `${sizes.waiting} machines waiting for one pool`;
  const h = topKinds(after, 1, ["H"]);
  sheet.measured({
    id: "pool/writes",
    what: `IPPool writes after the pool grew, ${all}`,
    unit: "requests",
    value: after.poolWrites,
    target: 5,
    note: h,
  });
  sheet.measured({
    id: "pool/requests-while-waiting",
    what: `H requests in 5 s, ${all}, nothing changes`,
    unit: "requests",
    value: quiet.harvester,
    target: 0,
    note: topKinds(quiet, 1, ["H", "M"]),
  });
  const latencies = [
    [
      "wake-to-address",
      "pool grown -> address in the pool",
      names.map((name) => seen.allocatedAt(name) ?? NaN),
    ],
    ["wake-to-vm", "pool grown -> VM exists", names.map((name) => seen.of(name).vmSeenAt ?? NaN)],
  ] as const;
  for (const [id, what, times] of latencies) {
    const passed = times.map((at) => at - grownAt);
    const figure = (name: string, q: number) => ({
      id: `pool/${id}/${name}`,
      what: `${what}, ${name}`,
      unit: "ms",
      value: quantile(passed, q),
    });
    sheet.measured(figure("p50", 0.5));
    sheet.measured({ ...figure("p99", 0.99), target: 500, note: topKinds(after, 1, ["M", "H"]) });
  }
  await deleteMachines(world, CLUSTER, { names, goneWithinMs: 120_000 });
  await tidyUp(world, CLUSTER, names);
}
