import { lookAtAnnotation } from "#api/names.ts";
import {
  controlPlaneScope,
  deletionPhase,
  dutyOf,
  hasHook,
} from "#functions/cluster-api/etcd-remove/duty.ts";
import { careForMember } from "#functions/cluster-api/etcd-remove/handler.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { ETCD_ACCESS_ANNOTATION, ETCD_CONDITION, machineView } from "#platform/cluster-api/cluster.ts";

export const etcdRemove = defineFunction({
  name: "etcd-remove",
  summary: "Removes the etcd member of a control plane machine before its VM goes, never below quorum",
  on: [
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
    "dev.capfn.machine.deleting",
    "dev.capfn.machine.deleted",
    "dev.capfn.cluster.changed",
    "dev.capfn.cluster.deleting",
    "dev.capfn.secret.changed",
  ],
  for: machineView,
  related: controlPlaneScope,
  // One removal per cluster at a time, whatever else wants to change its control plane.
  key: (view) => {
    const duty = dutyOf(view);
    const { cluster } = view.related;
    return cluster !== undefined && (duty === "remove" || duty === "verify")
      ? `cluster/${cluster.meta.uid}`
      : `machines/${view.object.meta.uid}`;
  },
  needs: (view) => dutyOf(view) !== "none",
  inputs: (view) => ({
    duty: dutyOf(view),
    controlPlane: view.related.controlPlane
      .map((each) =>
        [each.meta.uid, each.meta.deletionTimestamp, hasHook(each), deletionPhase(each)].join(" "),
      )
      .toSorted((a, b) => a.localeCompare(b)),
    access: [
      view.related.accessSecret?.meta.resourceVersion,
      view.related.cluster?.metadata.annotations[ETCD_ACCESS_ANNOTATION],
    ],
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: ETCD_CONDITION,
  rbac: [
    {
      api: "management",
      apiGroups: ["cluster.x-k8s.io"],
      resources: ["machines"],
      verbs: ["get", "list", "patch"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines/status"], verbs: ["patch"] },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
    { api: "workload", apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  ],
  uses: ["management", "ssh"],
  timeoutMs: 60_000,
  handle: careForMember,
});
