import { claimConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import { claimEntries } from "#functions/harvester/claim-entries.ts";
import { releaseClaims } from "#functions/harvester/claim-release/handler.ts";
import { abandonReason, releaseStep } from "#functions/harvester/claim-release/plan.ts";
import { ipPoolRef, releaseScope } from "#functions/harvester/claim-scope.ts";
import { poolKey } from "#functions/harvester/pool-entries.ts";
import { ipAddressClaimView } from "#platform/cluster-api/ipam.ts";

export const claimRelease = defineBatchFunction({
  name: "claim-release",
  summary: "Gives the address of a deleted IPAddressClaim back to its IPPool",
  on: [
    "dev.capfn.object.changed",
    "dev.capfn.cluster.changed",
    "dev.capfn.ippool.changed",
    "dev.capfn.connection.changed",
  ],
  for: ipAddressClaimView,
  related: releaseScope,
  key: (view) => {
    const { pool } = view.related;
    return pool === undefined || releaseStep(view) !== "release"
      ? `ipaddressclaims/${view.object.meta.uid}`
      : poolKey(ipPoolRef(pool));
  },
  needs: (view) => releaseStep(view) !== "none",
  inputs: (view) => ({
    step: releaseStep(view),
    given: abandonReason(view.object, view.related.pool),
    connection: view.related.connection?.message,
    pool: view.related.pool?.meta.uid,
    held: claimEntries(view.object, view.related.heldIn),
    address: view.related.address?.meta,
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: claimConditions.Ready,
  rbac: [
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims"],
      verbs: ["get", "patch"],
    },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims/status"],
      verbs: ["patch"],
    },
    { api: "management", apiGroups: ["capfn.dev"], resources: ["harvesterippools"], verbs: ["get"] },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddresses"],
      verbs: ["get", "patch", "delete"],
    },
    { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
  ],
  uses: ["management", "harvester"],
  deletes: true,
  handleBatch: releaseClaims,
});
