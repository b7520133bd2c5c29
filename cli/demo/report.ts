import type { Cost } from "#cli/demo/cost.ts";
import type { Sighting } from "#cli/demo/witness.ts";
import { renderTable } from "#cli/table.ts";

/** The demo's result, as `--json` prints it. Counts are of capfn's own requests in the API servers' audit logs, watches apart. */
export interface DemoResult {
  readonly machinesCreated: number;
  readonly machinesDeleted: number;
  readonly leftovers: number;
  readonly harvesterRequestsPerCreate: number;
  readonly managementWritesPerCreate: number;
  readonly kubernetesEventsPerCreate: number;
  readonly workloadRequestsPerCreate: number;
  readonly harvesterRequestsPerDelete: number;
  readonly managementWritesPerDelete: number;
  readonly workloadRequestsPerDelete: number;
  readonly poolWrites: number;
  readonly runningToProvisionedMs: Percentiles;
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export function resultOf(seen: {
  sightings: readonly Sighting[];
  left: readonly string[];
  creating: Cost;
  deleting: Cost;
}): DemoResult {
  const { sightings, left, creating, deleting } = seen;
  const created = sightings.filter(({ provisionedAt }) => provisionedAt !== undefined).length;
  const deleted = sightings.filter(({ goneAt }) => goneAt !== undefined).length;
  const waits = sightings.flatMap(({ vmRunningAt, provisionedAt }) =>
    vmRunningAt === undefined || provisionedAt === undefined
      ? []
      : [Math.max(0, provisionedAt - vmRunningAt)],
  );
  return {
    machinesCreated: created,
    machinesDeleted: deleted,
    leftovers: left.length,
    harvesterRequestsPerCreate: per(creating.harvesterRequests, created),
    managementWritesPerCreate: per(creating.managementWrites, created),
    kubernetesEventsPerCreate: per(creating.kubernetesEvents, created),
    workloadRequestsPerCreate: per(creating.workloadRequests, created),
    harvesterRequestsPerDelete: per(deleting.harvesterRequests, deleted),
    managementWritesPerDelete: per(deleting.managementWrites, deleted),
    workloadRequestsPerDelete: per(deleting.workloadRequests, deleted),
    poolWrites: creating.poolWrites + deleting.poolWrites,
    runningToProvisionedMs: { p50: percentile(waits, 0.5), p99: percentile(waits, 0.99) },
  };
}

/** The closing table. */
export function report(result: DemoResult, left: readonly string[]): string[] {
  const rows = [
    ["machines created", String(result.machinesCreated), ""],
    ["machines deleted", String(result.machinesDeleted), ""],
    ["Harvester requests per create", String(result.harvesterRequestsPerCreate), "at most 5"],
    ["management writes per create", String(result.managementWritesPerCreate), "at most 5"],
    ["  Kubernetes Events beside them", String(result.kubernetesEventsPerCreate), ""],
    ["workload requests per create", String(result.workloadRequestsPerCreate), "at most 2"],
    ["Harvester requests per delete", String(result.harvesterRequestsPerDelete), "at most 5 + disks"],
    ["management writes per delete", String(result.managementWritesPerDelete), "at most 2"],
    [
      "VM running -> provisioned, p50 / p99",
      `${result.runningToProvisionedMs.p50} / ${result.runningToProvisionedMs.p99} ms`,
      "p99 at most 100 ms",
    ],
    ["left behind", String(left.length), "0"],
  ];
  return ["", renderTable(["WHAT", "MEASURED", "GOAL"], rows), ""];
}

function per(total: number, machines: number): number {
  return machines === 0 ? 0 : Math.round((total / machines) * 100) / 100;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10;
}
