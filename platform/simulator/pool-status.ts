import * as z from "zod";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import { conditionSchema } from "#platform/simulator/guest-objects.ts";
import { type Ipv4Range, rangeSize, rangesOverlap, resolveRange } from "#platform/simulator/ipv4-range.ts";

export const poolSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    ranges: z
      .array(
        z.looseObject({
          subnet: z.string(),
          gateway: z.string().optional(),
          rangeStart: z.string().optional(),
          rangeEnd: z.string().optional(),
        }),
      )
      .default([]),
    selector: z.looseObject({ network: z.string().optional() }).prefault({}),
  }),
  status: z
    .looseObject({
      total: z.number().optional(),
      available: z.number().optional(),
      lastAllocated: z.string().optional(),
      allocated: z.record(z.string(), z.string()).default({}),
      allocatedHistory: z.record(z.string(), z.string()).default({}),
      conditions: z.array(conditionSchema).default([]),
    })
    .optional(),
});

/** An IPPool as far as the simulator looks at it. */
export type Pool = z.infer<typeof poolSchema>;

/** The ranges of a pool, or what is wrong with them. */
export type PoolRanges = { readonly ranges: readonly Ipv4Range[] } | { readonly problem: string };

/**
 * Checks what Harvester's admission webhook refuses: entries that are no ranges, entries that overlap each other or those of another
 * pool, and a network that does not exist. Here such a pool is admitted and then reported, see {@link poolStatus}.
 */
export function checkPool(
  pool: Pool,
  others: Iterable<Pool>,
  networkExists: (network: string) => boolean,
): PoolRanges {
  const ranges = readRanges(pool);
  if ("problem" in ranges) return ranges;
  for (const [index, range] of ranges.ranges.entries()) {
    const overlapped = ranges.ranges.findIndex((other, at) => at < index && rangesOverlap(range, other));
    if (overlapped >= 0) return { problem: `spec.ranges[${index}] overlaps spec.ranges[${overlapped}]` };
  }
  for (const other of others) {
    if (other.metadata.uid === pool.metadata.uid) continue;
    const foreign = readRanges(other);
    if ("problem" in foreign) continue;
    const index = ranges.ranges.findIndex((range) =>
      foreign.ranges.some((taken) => rangesOverlap(range, taken)),
    );
    if (index >= 0)
      return { problem: `spec.ranges[${index}] overlaps a range of IPPool ${other.metadata.name}` };
  }
  const { network } = pool.spec.selector;
  if (network !== undefined && network !== "" && !networkExists(network)) {
    return { problem: `spec.selector.network ${network} does not exist` };
  }
  return ranges;
}

/**
 * What the controller of pools writes when the ranges are new to it: counters and condition Ready. It never touches them otherwise,
 * so whoever takes or returns an address keeps `available` right. A pool that Harvester would not have admitted has no addresses.
 */
export function poolStatus(pool: Pool, checked: PoolRanges, time: string): Record<string, unknown> {
  const good = "ranges" in checked;
  const total = good ? checked.ranges.reduce((sum, range) => sum + rangeSize(range), 0) : 0;
  const allocated = Object.keys(pool.status?.allocated ?? {}).length;
  return {
    total,
    available: Math.max(0, total - allocated),
    lastAllocated: pool.status?.lastAllocated ?? "",
    conditions: [
      {
        type: "Ready",
        status: good ? "True" : "False",
        lastUpdateTime: time,
        ...(good ? {} : { reason: "NotAdmissible", message: checked.problem }),
      },
    ],
  };
}

function readRanges(pool: Pool): PoolRanges {
  const ranges: Ipv4Range[] = [];
  for (const [index, range] of pool.spec.ranges.entries()) {
    try {
      ranges.push(resolveRange(range));
    } catch (error) {
      return { problem: `spec.ranges[${index}]: ${error instanceof Error ? error.message : "unreadable"}` };
    }
  }
  return { ranges };
}
