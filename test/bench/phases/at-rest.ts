import { sleep } from "#platform/process/clock.ts";
import type { BenchWorld } from "#test/bench/bench-world.ts";
import { until } from "#test/bench/pacing.ts";
import { startOperatorProcess } from "#test/bench/operator-process.ts";
import { multiply, OBJECTS_PER_MACHINE } from "#test/bench/phases/population.ts";
import { warmCluster } from "#test/bench/phases/machines.ts";
import { countRequests, settledNow, topKinds } from "#test/bench/request-counts.ts";
import type { Sheet } from "#test/bench/sheet.ts";

const CLUSTER = "many";

/** Memory of an operator that has nothing to look after: as it is built, and from the sources. */
export async function measureEmpty(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { clock, capfnKubeconfig, sizes } = world;
  {
    await using operator = await startOperatorProcess(capfnKubeconfig, clock);
    await sleep(clock, 3_000);
    const cpu = await operator.cpuMs();
    const idleMs = Math.min(10_000, sizes.idleMs);
    await sleep(clock, idleMs);
    await reportMemory(sheet, operator, { id: "memory/idle", what: "nothing to look after", target: 75 });
    const milli = ((await operator.cpuMs()) - cpu) / (idleMs / 1000);
    const what = "CPU of capfn run, nothing to look after";
    sheet.measured({ id: "cpu/idle", what, unit: "m CPU", value: milli, target: 10 });
    reportStart(sheet, "start/empty", operator);
  }
  await using sources = await startOperatorProcess(capfnKubeconfig, clock, { program: "sources" });
  await sleep(clock, 5_000);
  const what = "nothing to look after, started from the TypeScript sources";
  await reportMemory(sheet, sources, { id: "memory/idle-sources", what });
}

async function reportMemory(
  sheet: Sheet,
  operator: Operator,
  { id, what, target }: { readonly id: string; readonly what: string; readonly target?: number },
): Promise<void> {
  const { resident, anonymous, peak } = await operator.memory();
  const note = `of it ${anonymous.toFixed(0)} MB its own, the rest mapped files; peak ${peak.toFixed(0)} MB; ${process.version}`;
  sheet.measured({
    id,
    what: `resident memory of capfn run, ${what}`,
    unit: "MB",
    value: resident,
    ...(target !== undefined && { target }),
    note,
  });
}

function reportStart(sheet: Sheet, id: string, { readyAfterMs }: Operator): void {
  const what = "process start -> ready, nothing to look after";
  sheet.measured({ id, what, unit: "ms", value: readyAfterMs });
}

/**
 * Many machines at rest: a first start that has never seen them, a restart, an idle minute. Everything before must have ended its operator; this
 * ends the simulator.
 */
export async function measureAtRest(world: BenchWorld, sheet: Sheet): Promise<void> {
  const { lab, clock, sizes, capfnKubeconfig } = world;
  const objects = sizes.population * OBJECTS_PER_MACHINE;
  {
    await using operator = await startOperatorProcess(capfnKubeconfig, clock);
    await warmCluster(world, { name: CLUSTER, pool: { size: sizes.population + 20, subnet: 100 } });
    await operator.stop();
  }
  await lab.simulator.stop();
  await multiply(world, { cluster: CLUSTER, original: `${CLUSTER}-warm`, count: sizes.population - 1 });
  {
    await using first = await startOperatorProcess(capfnKubeconfig, clock);
    await untilListed(world, first, objects);
    await sleep(clock, 5_000);
    const steps = await stepsOf(first);
    sheet.measured({
      id: "restart/steps-first-sight",
      what: `steps run at the first sight of ${objects} objects that are as they should be`,
      unit: "steps",
      value: steps.count,
      target: 0,
      note: steps.note,
    });
  }
  await restart(world, sheet, objects);
  await takeOver(world, sheet, objects);
}

/** A standby that has everything listed, and how long it takes it to lead when the leader is killed. */
async function takeOver(world: BenchWorld, sheet: Sheet, objects: number): Promise<void> {
  const { clock, sizes, capfnKubeconfig } = world;
  const how = { program: "built", arguments: ["--leader-elect"] } as const;
  await using leader = await startOperatorProcess(capfnKubeconfig, clock, how);
  await untilListed(world, leader, objects);
  await using standby = await startOperatorProcess(capfnKubeconfig, clock, how);
  await untilListed(world, standby, objects);
  await sleep(clock, Math.min(20_000, sizes.idleMs));
  await reportMemory(sheet, standby, { id: "memory/standby", what: `on standby, ${objects} objects` });
  const killedAt = clock.monotonic();
  await leader.crash();
  // Only where the lead is are machines told of.
  await until(clock, "the standby leads", {
    holds: async () => [...(await standby.scrape()).series("caphv_machine_status")].length > 0,
    timeoutMs: 60_000,
  });
  const value = clock.monotonic() - killedAt;
  const what = `kill -9 of the leader -> the standby leads, ${objects} objects`;
  sheet.measured({ id: "standby/takeover", what, unit: "ms", value, target: 5_000 });
  await sleep(clock, 5_000);
  const steps = await stepsOf(standby);
  sheet.measured({
    id: "standby/steps",
    what: `steps run after the takeover with ${objects} unchanged objects`,
    unit: "steps",
    value: steps.count,
    target: 0,
    note: steps.note,
  });
}

async function restart(world: BenchWorld, sheet: Sheet, objects: number): Promise<void> {
  const { lab, clock, sizes, capfnKubeconfig } = world;
  const restartedAt = clock.now();
  await using operator = await startOperatorProcess(capfnKubeconfig, clock);
  const listedMs = operator.readyAfterMs + (await untilListed(world, operator, objects));
  sheet.measured({
    id: "restart/ready",
    what: `process start -> all of ${objects} objects listed and judged`,
    unit: "ms",
    value: listedMs,
    target: 3_000,
  });
  await sleep(clock, 3_000);
  const idleSince = await settledNow(clock, 0);
  const cpuBefore = await operator.cpuMs();
  await sleep(clock, sizes.idleMs);
  const milli = ((await operator.cpuMs()) - cpuBefore) / (sizes.idleMs / 1000);
  const steps = await stepsOf(operator);
  const idleUntil = await settledNow(clock);
  const atStart = await countRequests(lab, { since: restartedAt, until: idleSince });
  const idle = await countRequests(lab, { since: idleSince, until: idleUntil });
  const all = (counts: typeof idle): number =>
    [...counts.kinds.values()].reduce((sum, count) => sum + count, 0);
  const lists = (counts: typeof idle): number =>
    [...counts.kinds].filter(([kind]) => kind.includes(" list ")).reduce((sum, [, count]) => sum + count, 0);
  const apis = ["M", "H", "W"] as const;
  sheet.measured({
    id: "restart/steps",
    what: `steps run after a restart with ${objects} unchanged objects`,
    unit: "steps",
    value: steps.count,
    target: 0,
    note: steps.note,
  });
  sheet.measured({
    id: "restart/requests",
    what: "requests after a restart besides lists and watches: ledger, connections",
    unit: "requests",
    value: all(atStart) - lists(atStart),
    note: topKinds(atStart, 1, apis),
  });
  sheet.measured({
    id: "idle/requests",
    what: `requests in ${sizes.idleMs / 1000} idle seconds with ${sizes.population} machines, besides watches`,
    unit: "requests",
    value: all(idle),
    target: 0,
    note: topKinds(idle, 1, apis),
  });
  sheet.measured({
    id: "cpu/idle-with-objects",
    what: `CPU idle with ${objects} objects`,
    unit: "m CPU",
    value: milli,
    target: 10,
  });
  const what = `${objects} objects`;
  await reportMemory(sheet, operator, {
    id: "memory/objects",
    what: `${what}, after the idle time`,
    target: 110,
  });
}

type Operator = Awaited<ReturnType<typeof startOperatorProcess>>;

/** Resolves when the index is complete; gives the ms it took. */
async function untilListed({ clock }: BenchWorld, operator: Operator, objects: number): Promise<number> {
  const begun = clock.monotonic();
  await until(clock, `capfn has listed ${objects} objects`, {
    holds: async () => (await operator.scrape()).total("capfn_index_objects") >= objects,
    timeoutMs: 120_000,
  });
  return clock.monotonic() - begun;
}

async function stepsOf(operator: Operator): Promise<{ count: number; note: string }> {
  const scrape = await operator.scrape();
  const series = [...scrape.series("capfn_outcomes_total")].filter(([, count]) => count > 0);
  return {
    count: scrape.total("capfn_outcomes_total"),
    note: series.map(([labels, count]) => `${labels} ${count}`).join(", "),
  };
}
