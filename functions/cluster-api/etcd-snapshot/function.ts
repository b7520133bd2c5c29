import { lookAtAnnotation } from "#api/names.ts";
import { etcdAccessSecret } from "#functions/cluster-api/etcd-access.ts";
import { SNAPSHOT_MS, takeSnapshot } from "#functions/cluster-api/etcd-snapshot/handler.ts";
import { snapshotNeed } from "#functions/cluster-api/etcd-snapshot/schedule.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { clusterView, ETCD_ACCESS_ANNOTATION, snapshotAnnotations } from "#platform/cluster-api/cluster.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

export const etcdSnapshot = defineFunction({
  name: "etcd-snapshot",
  summary: "Takes a verified snapshot of a Cluster's etcd when its schedule says so, and keeps the newest",
  on: [
    "dev.capfn.cluster.created",
    "dev.capfn.cluster.changed",
    "dev.capfn.secret.changed",
    "dev.capfn.step.due",
  ],
  for: clusterView,
  related: relations(clusterView).one("accessSecret", secretView, (own) =>
    own.metadata.annotations[snapshotAnnotations.every] === undefined
      ? undefined
      : { connection: MANAGEMENT, namespace: own.meta.namespace, name: etcdAccessSecret(own) },
  ),
  // Not the Cluster's own key: a large snapshot must hold up no other step.
  key: ({ object }) => `etcd-snapshot/${object.meta.uid}`,
  needs: ({ object, related }) => snapshotNeed(object, related.accessSecret),
  inputs: ({ object, related }) => ({
    annotations: Object.values(snapshotAnnotations).map((name) => object.metadata.annotations[name]),
    way: object.metadata.annotations[ETCD_ACCESS_ANNOTATION],
    access: related.accessSecret?.meta.resourceVersion,
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: "EtcdSnapshotTaken",
  rbac: [
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get", "patch"] },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters/status"], verbs: ["patch"] },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines"], verbs: ["list"] },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  ],
  uses: ["management", "ssh"],
  // An upload that ends with an error is cleared away afterwards.
  timeoutMs: SNAPSHOT_MS + 180_000,
  handle: takeSnapshot,
});
