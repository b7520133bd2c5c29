import { poolConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { observePool } from "#functions/harvester/claim-pool-observe/handler.ts";
import { mayGo, poolScope, wantedCondition } from "#functions/harvester/claim-pool-observe/plan.ts";
import { harvesterIpPoolView } from "#platform/cluster-api/ipam.ts";

export const claimPoolObserve = defineFunction({
  name: "claim-pool-observe",
  summary: "Says whether a HarvesterIPPool can give addresses, and lets it go when no claim names it",
  on: ["dev.capfn.object.changed", "dev.capfn.ippool.changed", "dev.capfn.connection.changed"],
  for: harvesterIpPoolView,
  related: poolScope,
  needs: (view) => mayGo(view) || wantedCondition(view) !== undefined,
  inputs: (view) => ({
    mayGo: mayGo(view),
    condition: wantedCondition(view),
    // A status somebody put back to what it was is a new reason to write.
    version: view.object.meta.resourceVersion,
    lookAt: view.object.metadata.annotations[lookAtAnnotation],
  }),
  condition: poolConditions.Ready,
  rbac: [
    {
      api: "management",
      apiGroups: ["capfn.dev"],
      resources: ["harvesterippools", "harvesterippools/status"],
      verbs: ["patch"],
    },
    {
      api: "management",
      apiGroups: ["ipam.cluster.x-k8s.io"],
      resources: ["ipaddressclaims"],
      verbs: ["list"],
    },
  ],
  uses: ["management"],
  handle: observePool,
});
