import { describe, expect, it } from "vitest";
import * as z from "zod";
import { allFunctions } from "#cli/functions.ts";
import { observeWith } from "#cli/operator/observe.ts";
import { createMetrics, type Snapshot } from "#platform/observability/metrics.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";
import { FakeClock } from "#test/support/fake-clock.ts";

/** What dashboards and alerts for the Go provider ask for. */
const goProvider: readonly (readonly [name: string, type: string, ...labels: string[]])[] = [
  ["caphv_machine_create_total", "counter"],
  ["caphv_machine_create_errors_total", "counter"],
  ["caphv_machine_delete_total", "counter"],
  ["caphv_machine_delete_errors_total", "counter"],
  ["caphv_machine_creation_duration_seconds", "histogram"],
  ["caphv_machine_reconcile_duration_seconds", "histogram", "operation"],
  ["caphv_machine_status", "gauge", "cluster", "machine"],
  ["caphv_ippool_allocations_total", "counter"],
  ["caphv_ippool_allocation_errors_total", "counter"],
  ["caphv_ippool_releases_total", "counter"],
  ["caphv_etcd_member_remove_total", "counter"],
  ["caphv_etcd_member_remove_errors_total", "counter"],
  ["caphv_node_init_total", "counter"],
  ["caphv_node_init_errors_total", "counter"],
  ["caphv_node_init_duration_seconds", "histogram"],
  ["caphv_cluster_reconcile_duration_seconds", "histogram", "operation"],
  ["caphv_cluster_ready", "gauge", "cluster"],
];

const nothing: Snapshot = {
  leading: true,
  ready: true,
  objects: 0,
  queued: 0,
  inFlight: 0,
  oldestQueuedMs: 0,
  parked: 0,
  openBreakers: [],
  machines: [],
  clusters: [],
  certificates: [],
  machineCertificates: [],
  secretCertificates: [],
  identityCertificates: [],
  pinnedServers: [],
  etcdSnapshots: [],
  pools: [],
};

/** What a scrape gives while the world is as told. */
function scraped() {
  let now = nothing;
  const metrics = createMetrics(() => now);
  const write = () => undefined;
  const log = { debug: write, info: write, warn: write, error: write };
  const observe = observeWith({ log, metrics, clock: new FakeClock(), functions: allFunctions });
  const ended = (fn: string) =>
    observe({
      kind: "outcome",
      function: fn,
      key: "k",
      object: "demo/m",
      subject: { type: harvesterMachines, ref: { connection: "m", name: "m" } },
      outcome: "done",
      reason: "",
      cause: { type: "dev.capfn.machine.changed", id: "1", source: "/", time: "2026-01-01T00:00:00Z" },
      writes: [],
      durationMs: 20,
      attempt: "1.1",
    });
  const lines = async (name: string) =>
    (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith(`${name}{`));
  return { metrics, ended, lines, world: (change: Partial<Snapshot>) => (now = { ...nothing, ...change }) };
}

describe("the metrics of the Go provider", () => {
  it.each(goProvider)("have %s, a %s, with its labels [check 106]", async (name, type, ...labels) => {
    const { metrics } = scraped();
    const [metric] = (await metrics.registry.getMetricsAsJSON()).filter((each) => each.name === name);
    expect(metric?.type).toBe(type);
    const { labelNames } = z
      .object({ labelNames: z.array(z.string()) })
      .parse(metrics.registry.getSingleMetric(name));
    expect(labelNames).toEqual(labels);
  });

  it("are all there are under its prefix", async () => {
    const { metrics } = scraped();
    const ours = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
    expect(ours.filter((name) => name.startsWith("caphv_")).toSorted()).toEqual(
      goProvider.map(([name]) => name).toSorted(),
    );
  });

  it("tell steps that delete from others, and count no step for a machine as one for a cluster [check 107]", async () => {
    const { ended, lines } = scraped();
    for (const fn of [
      "vm-create",
      "vm-delete",
      "ip-release",
      "cluster-connect",
      "cluster-delete",
      "alert-resolve",
    ])
      ended(fn);
    expect(await lines("caphv_machine_reconcile_duration_seconds_count")).toEqual([
      'caphv_machine_reconcile_duration_seconds_count{operation="normal"} 1',
      'caphv_machine_reconcile_duration_seconds_count{operation="delete"} 2',
    ]);
    expect(await lines("caphv_cluster_reconcile_duration_seconds_count")).toEqual([
      'caphv_cluster_reconcile_duration_seconds_count{operation="normal"} 1',
      'caphv_cluster_reconcile_duration_seconds_count{operation="delete"} 1',
    ]);
  });

  it("forget a machine and a cluster that are gone [check 108]", async () => {
    const { lines, world } = scraped();
    const machine = { cluster: "demo/c", machine: "demo/m1", ready: true };
    world({
      machines: [machine, { ...machine, machine: "demo/m2", ready: false }],
      clusters: [{ cluster: "demo/c", ready: true }],
    });
    expect(await lines("caphv_machine_status")).toEqual([
      'caphv_machine_status{cluster="demo/c",machine="demo/m1"} 1',
      'caphv_machine_status{cluster="demo/c",machine="demo/m2"} 0',
    ]);
    expect(await lines("caphv_cluster_ready")).toHaveLength(1);
    world({ machines: [machine] });
    expect(await lines("caphv_machine_status")).toEqual([
      'caphv_machine_status{cluster="demo/c",machine="demo/m1"} 1',
    ]);
    expect(await lines("caphv_cluster_ready")).toEqual([]);
  });
});
