import { everyOne } from "#cli/operator/every-one.ts";
import type { Hub } from "#events/hub/hub.ts";
import { scheduleOf } from "#functions/cluster-api/etcd-snapshot/schedule.ts";
import { clusterView, snapshotAnnotations } from "#platform/cluster-api/cluster.ts";
import type { Snapshot } from "#platform/observability/metrics.ts";

/** How old the last snapshot of etcd is, of every Cluster that asks for snapshots. `now`: wall clock, ms. */
export function snapshotFigures(hub: Hub, now: number): Pick<Snapshot, "etcdSnapshots"> {
  const etcdSnapshots = everyOne(hub, clusterView).flatMap((cluster) => {
    const schedule = scheduleOf(cluster);
    if (schedule === undefined || typeof schedule === "string") return [];
    const { namespace = "", name, creationTimestamp } = cluster.meta;
    const taken = cluster.metadata.annotations[snapshotAnnotations.taken] ?? creationTimestamp ?? "";
    const since = Date.parse(taken);
    if (Number.isNaN(since)) return [];
    const ageSeconds = Math.max(0, now - since) / 1_000;
    return [{ cluster: `${namespace}/${name}`, ageSeconds, everySeconds: schedule.everyMs / 1_000 }];
  });
  return { etcdSnapshots };
}
