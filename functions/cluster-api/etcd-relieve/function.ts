import { lookAtAnnotation } from "#api/names.ts";
import { relieveEtcd, wantsRelief } from "#functions/cluster-api/etcd-relieve/handler.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { clusterView, RELIEVE_ANNOTATION } from "#platform/cluster-api/cluster.ts";

export const etcdRelieve = defineFunction({
  name: "etcd-relieve",
  summary: "Makes room in an etcd that is full: compacts, defragments one member after the other, disarms",
  on: ["dev.capfn.cluster.changed", "dev.capfn.step.due"],
  for: clusterView,
  related: relations(clusterView),
  // Not while a member is removed: both count on the others being well.
  key: ({ object }) => `cluster/${object.meta.uid}`,
  needs: ({ object }) => wantsRelief(object),
  inputs: ({ object: { metadata } }) => [
    metadata.annotations[RELIEVE_ANNOTATION],
    metadata.annotations[lookAtAnnotation],
  ],
  condition: "EtcdRelieved",
  rbac: [
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get", "patch"] },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines"], verbs: ["list"] },
    { api: "management", apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  ],
  uses: ["management", "ssh"],
  timeoutMs: 20 * 60_000,
  handle: relieveEtcd,
});
