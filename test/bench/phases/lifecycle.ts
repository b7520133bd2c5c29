import * as z from "zod";
import { ipPools } from "#platform/kube/resources.ts";
import { type BenchWorld, LATE } from "#test/bench/bench-world.ts";
import {
  createMachines,
  deleteMachines,
  machineNames,
  tidyUp,
  untilRunning,
} from "#test/bench/played-core.ts";
import { countRequests, type RequestCounts, settledNow } from "#test/bench/request-counts.ts";

/** Machines of one cluster that are created together and then deleted together. */
export interface Lifecycle {
  readonly cluster: string;
  readonly machines: number;
  readonly address: "pool" | "dhcp";
  /** The address comes late and the guest takes long to stop. */
  readonly late: boolean;
}

/** What one life of these machines took. Times in ms, one per machine. */
export interface LifecycleResult extends Lifecycle {
  readonly create: RequestCounts;
  readonly delete: RequestCounts;
  readonly toProvisioned: readonly number[];
  readonly toNodeInitialised: readonly number[];
  readonly toGone: readonly number[];
  readonly bootstrapToVm: readonly number[];
  /** Machines provisioned before they ran, or, with DHCP, before they had an address. */
  readonly tooEarly: number;
  readonly relapses: number;
  readonly notProvisioned: number;
  /** Entries of these machines left in the pool, and how far its counter is off; 0 and 0 are right. */
  readonly poolLeft: number;
  readonly poolOff: number;
}

/** Creates the machines, lets them run, deletes them. */
export async function live(world: BenchWorld, what: Lifecycle): Promise<LifecycleResult> {
  const { lab, clock, sizes, seen, writes, bootstrapped } = world;
  const times = what.late ? sizes.late : sizes.early;
  const names = machineNames(`${what.cluster}${what.late ? LATE : "-"}`, what.machines);
  const slackMs = 60_000 + what.machines * 600;

  const begun = clock.now();
  await createMachines(world, what.cluster, names);
  const bootMs = times.runningAfterMs + Math.max(times.addressAfterMs, times.nodeAfterMs);
  await untilRunning(world, names, { timeoutMs: bootMs + slackMs });
  const created = await settledNow(clock);
  const sightings = names.map((name) => ({ ...seen.of(name), name }));
  const start = what.address === "dhcp" ? writes.addressed : writes.running;
  const toProvisioned = sightings.map(({ name, provisionedAt = NaN }) => provisionedAt - at(start, name));

  await deleteMachines(world, what.cluster, { names, goneWithinMs: times.stopAfterMs + slackMs });
  const deleted = await settledNow(clock);
  const result = {
    ...what,
    create: await countRequests(lab, { since: begun, until: created }, what.cluster),
    delete: await countRequests(lab, { since: created, until: deleted }, what.cluster),
    toProvisioned,
    toNodeInitialised: sightings.map(
      ({ name, nodeInitialisedAt = NaN }) => nodeInitialisedAt - at(writes.registered, name),
    ),
    toGone: names.map((name) => (seen.of(name).goneAt ?? NaN) - at(writes.released, name)),
    bootstrapToVm: sightings.map(({ name, vmSeenAt = NaN }) => vmSeenAt - at(bootstrapped, name)),
    tooEarly: toProvisioned.filter((ms) => ms < 0).length,
    relapses: names.reduce((sum, name) => sum + seen.of(name).relapses, 0),
    notProvisioned: sightings.filter(({ provisioned }) => provisioned !== true).length,
    ...(await poolAfterwards(world, what)),
  };
  await tidyUp(world, what.cluster, names);
  return result;
}

const poolSchema = z.looseObject({
  status: z.looseObject({
    total: z.number(),
    available: z.number(),
    allocated: z.record(z.string(), z.string()).default({}),
  }),
});

async function poolAfterwards({ client }: BenchWorld, { cluster, address }: Lifecycle) {
  if (address === "dhcp") return { poolLeft: 0, poolOff: 0 };
  const { status } = poolSchema.parse(await client.harvester.get(ipPools, { name: cluster }));
  const held = Object.values(status.allocated);
  return {
    // One machine stays, so that watches stay open.
    poolLeft: held.filter((holder) => !holder.includes("-warm")).length,
    poolOff: Math.abs(status.total - held.length - status.available),
  };
}

function at(times: ReadonlyMap<string, number>, name: string): number {
  return times.get(name) ?? Number.NaN;
}
