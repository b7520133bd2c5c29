import type { Sheet } from "#test/bench/sheet.ts";

/** Rows that are not measured here, with why or where. */
export function reportLater(sheet: Sheet): void {
  sheet.later(
    "cluster/ready",
    "cluster ready with a load balancer",
    "clusters of the bench bring their endpoint; test/api/harvester-cluster-cost.test.ts counts the requests",
  );
  sheet.later(
    "delete/w-requests/control-plane",
    "W requests to delete a control plane machine, etcd member included",
    "etcd-remove asks etcd itself, not the workload API server; the bench has no control plane machines yet",
  );
  sheet.later(
    "coldstart/keda",
    "function pod 0 -> first event handled, KEDA pull",
    "needs a cluster with a kubelet: npm run e2e -- cluster --runner keda",
  );
  sheet.later(
    "coldstart/knative",
    "function pod 0 -> first event handled, Knative",
    "needs a cluster with a kubelet: npm run e2e -- cluster --runner knative",
  );
  sheet.later(
    "footprint/pod",
    "always-on footprint of the pod",
    "memory/idle and cpu/idle measure the process, npm run e2e -- cluster the pod",
  );
  sheet.later(
    "chaos/violations",
    "violations under crashes, lost answers, gaps, stale reads",
    "measured by npm run soak",
  );
}
