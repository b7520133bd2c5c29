import { remediationConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import { refusalOf } from "#functions/cluster-api/node-remediate/guards.ts";
import { remediate } from "#functions/cluster-api/node-remediate/handler.ts";
import { machineHealth } from "#functions/cluster-api/node-remediate/health.ts";
import { situationOf } from "#functions/cluster-api/node-remediate/situation.ts";
import { remediationWorld, type RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { defineFunction } from "#functions/contract/define.ts";
import type { PolicyRule, StepFunction } from "#functions/contract/function.ts";
import { HEALTH_CONDITION, OWNER_REMEDIATED_CONDITION, type Machine } from "#platform/cluster-api/cluster.ts";
import {
  isFinal,
  machineRemediationView,
  remediationRequestView,
  type Remediation,
} from "#platform/cluster-api/remediation.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

function declared(
  view: ResourceView<Remediation>,
  { name, summary, isRequest }: { name: string; summary: string; isRequest: boolean },
): StepFunction {
  return defineFunction({
    name,
    summary,
    on: [
      "dev.capfn.remediation.changed",
      "dev.capfn.alert.resolved",
      "dev.capfn.machine.changed",
      "dev.capfn.machine.deleted",
      "dev.capfn.node.changed",
      "dev.capfn.node.unhealthy",
      "dev.capfn.node.deleted",
      "dev.capfn.vm.changed",
      "dev.capfn.vm.deleted",
      "dev.capfn.connection.changed",
      "dev.capfn.step.due",
    ],
    for: view,
    related: remediationWorld(view),
    // One at a time in a cluster: each decision rests on how the others are, and on who removes an etcd member meanwhile.
    key: ({ object, related: { cluster } }) =>
      cluster === undefined ? `${view.type.plural}/${object.meta.uid}` : `cluster/${cluster.meta.uid}`,
    needs: ({ object }) =>
      object.meta.deletionTimestamp === undefined &&
      !isFinal(object) &&
      (!isRequest || object.status.target !== undefined),
    inputs: (seen) => inputsOf(seen, isRequest),
    condition: remediationConditions.Remediated,
    rbac: [
      ...rbac,
      { ...ownRights, resources: [view.type.plural] },
      { ...ownStatus, resources: [`${view.type.plural}/status`] },
    ],
    uses: ["management", "harvester"],
    handle: remediate(view),
  });
}

/** Without what only time changes: the outcome says when that is. */
function inputsOf(seen: RemediationView, isRequest: boolean) {
  const { object, related, unknown } = seen;
  const { machine, vm, vmi } = related;
  const situation = situationOf(seen);
  return {
    spec: object.meta.generation,
    status: [object.status.phase, object.status.steps],
    machine: [machine?.meta.uid, machine?.meta.deletionTimestamp],
    health: machineHealth(seen, isRequest),
    owner: machine && askedOwner(machine),
    refusal: situation && refusalOf(situation, Infinity),
    last: situation?.lastEndedAt,
    vm: [vm?.meta.uid, vm?.spec, vmi?.meta.uid, vmi?.meta.deletionTimestamp, vmi?.status.phase],
    boot: related.node?.status.nodeInfo.bootID,
    unknown,
    lookAt: object.metadata.annotations[lookAtAnnotation],
  };
}

/** What a control plane provider replaces a Machine by, and its answer. */
function askedOwner({ status }: Seen<Machine>) {
  const told: readonly string[] = [HEALTH_CONDITION, OWNER_REMEDIATED_CONDITION];
  return status.conditions.filter(({ type }) => told.includes(type)).map((each) => [each.type, each.status]);
}

const ownRights = { api: "management", apiGroups: ["capfn.dev"], verbs: ["get"] } as const;
const ownStatus = { ...ownRights, verbs: ["patch"] } as const;

const rbac: readonly PolicyRule[] = [
  { api: "management", apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
  { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["clusters"], verbs: ["get"] },
  { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines"], verbs: ["get", "delete"] },
  { api: "management", apiGroups: ["cluster.x-k8s.io"], resources: ["machines/status"], verbs: ["patch"] },
  { api: "workload", apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
  { api: "harvester", apiGroups: ["kubevirt.io"], resources: ["virtualmachines"], verbs: ["get"] },
  {
    api: "harvester",
    apiGroups: ["kubevirt.io"],
    resources: ["virtualmachineinstances"],
    verbs: ["get", "delete"],
  },
  { api: "harvester", apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
  { api: "harvester", apiGroups: [""], resources: ["pods"], verbs: ["deletecollection"] },
];

/** Remediates the machine a RemediationRequest was found to be about. */
export const nodeRemediate = declared(remediationRequestView, {
  name: "node-remediate",
  summary: "Reboots, power cycles or recreates the machine of a RemediationRequest, or tells a person",
  isRequest: true,
});

/** Remediates the Machine for which a MachineHealthCheck asks (Cluster API, external remediation). */
export const machineRemediate = declared(machineRemediationView, {
  name: "machine-remediate",
  summary:
    "Reboots, power cycles or recreates a Machine for which a MachineHealthCheck asks, or tells a person",
  isRequest: false,
});
