import type { Sheet } from "#test/bench/sheet.ts";

/** Rows that cannot be measured yet, with why. */
export function reportLater(sheet: Sheet): void {
  sheet.later(
    "cluster/ready",
    "cluster ready with a load balancer",
    "no function makes the load balancer yet; clusters bring their endpoint",
  );
  sheet.later(
    "delete/w-requests/control-plane",
    "W requests to delete a control plane machine, etcd member included",
    "etcd-remove asks etcd itself, not the workload API server; the bench has no control plane machines yet",
  );
  sheet.later(
    "coldstart/keda",
    "function pod 0 -> first event handled, KEDA pull",
    "needs a cluster with a kubelet and the KEDA runner",
  );
  sheet.later(
    "coldstart/knative",
    "function pod 0 -> first event handled, Knative",
    "needs a cluster with a kubelet and the Knative runner",
  );
  sheet.later(
    "footprint/pod",
    "always-on footprint of the pod",
    "needs the image; memory/idle and cpu/idle measure the process",
  );
  sheet.later(
    "chaos/violations",
    "violations under crashes, lost answers, gaps, stale reads",
    "measured by npm run soak",
  );
}
