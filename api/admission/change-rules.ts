import { differences, list, text } from "#api/admission/cel.ts";
import { clusters, machines, type AdmissionRule, type JudgedKind } from "#api/admission/rule.ts";
import { clusterConditions, machineConditions } from "#api/condition-names.ts";
import {
  clusterFinalizer,
  legacyClusterFinalizer,
  providerIdPrefix,
  topologyDryRunAnnotation,
} from "#api/names.ts";

const host = (root: string) =>
  `[${text(`${root}.controlPlaneEndpoint.host`)}].map(h, h == '0.0.0.0' ? '' : h)[0]`;
const endpoint = `(${host("old")} != '')`;

function hasCondition(type: string, status: string): string {
  return `${list("oldObject.status.conditions")}.exists(c, c.type == '${type}' && c.status == '${status}')`;
}

/** The finalizer goes on with the first connection, so without it nothing has been made on Harvester. */
const connected = `${list("oldObject.metadata.finalizers")}.exists(f, f in ['${clusterFinalizer}', '${legacyClusterFinalizer}'])`;

/** Before the endpoint is known, a target namespace that Harvester has not, or refuses, holds nothing. */
const namespaceInUse = `${connected} && (${endpoint} || !${hasCondition(clusterConditions.TargetNamespaceReady, "False")})`;

const clusterChanges: readonly AdmissionRule[] = [
  {
    name: "targetNamespaceKept",
    kinds: clusters,
    field: "targetNamespace",
    judges: "change",
    holds: `${text("spec.targetNamespace")} == ${text("old.targetNamespace")} || !(${namespaceInUse})`,
    problem: `is ${quoted("old.targetNamespace")}, in which VMs and the load balancer are looked for, and cannot be changed`,
    mend: "put it back, or make a new cluster",
  },
  {
    name: "identityKept",
    kinds: clusters,
    field: "identitySecret",
    judges: "change",
    holds: `spec.?identitySecret == old.?identitySecret || !(${connected})`,
    problem: `is Secret {{${text("old.identitySecret.namespace")}}}/{{${text("old.identitySecret.name")}}}, by which what was made on Harvester is found, and cannot be changed`,
    mend: "put a new kubeconfig of the same Harvester into that Secret",
  },
  {
    // Machines are reached at it, and Cluster API copies it once. 0.0.0.0 stands for none.
    name: "endpointKept",
    kinds: clusters,
    field: "controlPlaneEndpoint",
    judges: "change",
    holds: `!${endpoint} || spec.?controlPlaneEndpoint == old.?controlPlaneEndpoint`,
    problem: `is ${quoted("old.controlPlaneEndpoint.host")}, under which the machines have joined, and cannot be changed`,
    mend: "put it back, or make a new cluster",
  },
  {
    name: "balancerAddressKept",
    kinds: clusters,
    field: "loadBalancerConfig.ipamType",
    judges: "change",
    holds: `!${endpoint} || ${text("spec.loadBalancerConfig.ipamType")} == ${text("old.loadBalancerConfig.ipamType")}`,
    problem: `is ${quoted("old.loadBalancerConfig.ipamType")}, by which the load balancer has got its address, and cannot be changed`,
    mend: "put it back, or make a new cluster",
  },
  {
    // Empty before the name of the pool made from `ipPool` is written into it.
    name: "balancerPoolKept",
    kinds: clusters,
    field: "loadBalancerConfig.ipPoolRef",
    judges: "change",
    holds: `!${endpoint} || ${text("spec.loadBalancerConfig.ipamType")} != 'pool' || ${text("old.loadBalancerConfig.ipPoolRef")} == '' || ${text("old.loadBalancerConfig.ipPoolRef")} == ${text("spec.loadBalancerConfig.ipPoolRef")}`,
    problem: `is ${quoted("old.loadBalancerConfig.ipPoolRef")}, which holds the address of the load balancer, and cannot be changed`,
    mend: "put it back, or make a new cluster",
  },
];

/** A VM is there, or was: the condition says so before the providerID is written, and the providerID when the status was lost. */
const hasVm = `(${text("old.providerID")} != '' || ${hasCondition(machineConditions.MachineCreated, "True")})`;

const changed = `${differences("spec", "old")}.filter(k, k != 'providerID')`;

const machineChanges: readonly AdmissionRule[] = [
  {
    name: "providerIdKept",
    kinds: machines,
    field: "providerID",
    judges: "change",
    holds: `${text("old.providerID")} == '' || ${text("old.providerID")} == ${text("spec.providerID")}`,
    problem: `is ${quoted("old.providerID")}, which is the VM, and cannot be changed`,
    mend: "put it back, or delete the Machine to replace it",
  },
  {
    name: "providerIdForm",
    kinds: machines,
    field: "providerID",
    judges: "optional text",
    holds: "value.contains('://')",
    problem: "is no provider ID",
    mend: `leave it to capfn, which writes ${providerIdPrefix} and the uid of the VM`,
  },
  {
    name: "machineKept",
    kinds: machines,
    field: "",
    judges: "change",
    holds: `!${hasVm} || size(${changed}) == 0`,
    problem: `has a VM already, so {{${changed}.join(', ')}} cannot be changed`,
    mend: "change the template, or delete the Machine to replace it",
  },
];

/**
 * Templates are changed by making a new one under another name (Cluster API contract, InfraMachineTemplate and InfraClusterTemplate: immutable). To
 * find out whether a change of a ClusterClass needs that, its controller applies the change to the old one, as a dry run that is marked.
 */
const templates: readonly AdmissionRule[] = (
  ["HarvesterClusterTemplate", "HarvesterMachineTemplate"] as const
).map((kind: JudgedKind) => ({
  name: "templateKept",
  kinds: [kind],
  field: "",
  judges: "change",
  holds: `spec == old || (has(request.dryRun) && request.dryRun && '${topologyDryRunAnnotation}' in object.metadata.?annotations.orValue({}))`,
  problem: `is that of a template, so {{${differences("spec", "old")}.join(', ')}} cannot be changed`,
  mend: "make a new template under another name, and point to that",
}));

/** What must stay as it is. Objects that are created, or restored, may come with any of it. */
export const changeRules: readonly AdmissionRule[] = [...clusterChanges, ...machineChanges, ...templates];

function quoted(path: string): string {
  return `{{${text(path)}}}`;
}
