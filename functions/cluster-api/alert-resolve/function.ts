import { remediationConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { resolveTarget } from "#functions/cluster-api/alert-resolve/handler.ts";
import { hintsOf, machineQueries } from "#functions/cluster-api/alert-resolve/hints.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { relations } from "#functions/contract/relations.ts";
import { machineView } from "#platform/cluster-api/cluster.ts";
import { isFinal, remediationRequestView, type Remediation } from "#platform/cluster-api/remediation.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

const candidates = relations(remediationRequestView)
  .matching("machines", machineView, (own) => (isOpen(own) ? machineQueries(hintsOf(own)) : []), {
    wake: "membership",
  })
  .matching(
    "ofCluster",
    machineView,
    (own) => {
      const { pod, cluster, namespace = own.meta.namespace ?? "" } = hintsOf(own);
      if (!isOpen(own) || pod === undefined || cluster === undefined) return [];
      return [{ connection: MANAGEMENT, index: "cluster", value: `${namespace}/${cluster}` }];
    },
    { wake: "none" },
  );

export const alertResolve = defineFunction({
  name: "alert-resolve",
  summary: "Finds the machine a RemediationRequest is about, or says why it cannot be told",
  on: [
    "dev.capfn.remediation.changed",
    "dev.capfn.alert.firing",
    "dev.capfn.alert.resolved",
    "dev.capfn.machine.created",
    "dev.capfn.machine.changed",
  ],
  for: remediationRequestView,
  related: candidates,
  needs: ({ object }) => isOpen(object),
  inputs: ({ object, related }) => ({
    hints: hintsOf(object),
    endsAt: object.spec.alert?.endsAt,
    machines: related.machines.map(({ meta }) => meta.uid).toSorted(),
    lookAt: object.metadata.annotations[lookAtAnnotation],
  }),
  condition: remediationConditions.TargetResolved,
  rbac: [
    {
      api: "management",
      apiGroups: ["capfn.dev"],
      resources: ["remediationrequests/status"],
      verbs: ["patch"],
    },
    { api: "management", apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    { api: "workload", apiGroups: [""], resources: ["pods"], verbs: ["get"] },
  ],
  uses: ["management"],
  handle: resolveTarget,
});

/** Its machine is still to be found. */
function isOpen(own: Seen<Remediation>): boolean {
  return own.meta.deletionTimestamp === undefined && own.status.target === undefined && !isFinal(own);
}
