import { claimConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineBatchFunction } from "#functions/contract/define.ts";
import { claimEntries } from "#functions/harvester/claim-entries.ts";
import { claimScope, ipPoolRef } from "#functions/harvester/claim-scope.ts";
import { serveClaims } from "#functions/harvester/claim-serve/handler.ts";
import { needsService, obstacle } from "#functions/harvester/claim-serve/plan.ts";
import { poolKey } from "#functions/harvester/pool-entries.ts";
import { ipAddressClaimView } from "#platform/cluster-api/ipam.ts";

/** capfn as an IPAM provider of Cluster API: claims that name a HarvesterIPPool get an address of the IPPool it stands for. */
export const claimServe = defineBatchFunction({
  name: "claim-serve",
  summary: "Gives each IPAddressClaim of a HarvesterIPPool an address of its IPPool",
  on: ["dev.capfn.object.changed", "dev.capfn.cluster.changed", "dev.capfn.ippool.changed"],
  for: ipAddressClaimView,
  related: claimScope,
  key: (view) => {
    const { pool } = view.related;
    return pool === undefined || !needsService(view)
      ? `ipaddressclaims/${view.object.meta.uid}`
      : poolKey(ipPoolRef(pool));
  },
  needs: needsService,
  inputs: (view) => {
    const { object, related } = view;
    return {
      pool: related.pool?.meta.uid,
      obstacle: obstacle(view),
      held: claimEntries(object, related.heldIn),
      address: related.address && [related.address.meta.uid, related.address.metadata, related.address.spec],
      status: [object.status.addressRef?.name, object.status.conditions.map(({ status }) => status)],
      lookAt: object.metadata.annotations[lookAtAnnotation],
    };
  },
  condition: claimConditions.Ready,
  rbac: [
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims", "ipaddressclaims/status"],
      verbs: ["patch"],
    },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims/finalizers"],
      verbs: ["update"],
    },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddresses"],
      verbs: ["get", "create", "patch"],
    },
    { api: "management", apiGroups: ["capfn.dev"], resources: ["harvesterippools"], verbs: ["patch"] },
    {
      api: "management",
      apiGroups: ["capfn.dev"],
      resources: ["harvesterippools/finalizers"],
      verbs: ["update"],
    },
    {
      api: "harvester",
      apiGroups: ["loadbalancer.harvesterhci.io"],
      resources: ["ippools"],
      verbs: ["get", "patch"],
    },
  ],
  uses: ["management", "harvester"],
  handleBatch: serveClaims,
});
