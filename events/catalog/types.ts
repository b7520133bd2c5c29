/** The catalogue: every event type that exists, with what it means. `dev.capfn.<noun>.<past participle or present state>`. */
export const eventTypes = {
  "dev.capfn.cluster.created": "A Cluster or its HarvesterCluster appeared",
  "dev.capfn.cluster.changed": "A Cluster or its HarvesterCluster changed",
  "dev.capfn.cluster.deleting": "Deletion of a Cluster or its HarvesterCluster was asked for",
  "dev.capfn.cluster.deleted": "A Cluster or its HarvesterCluster is gone",
  "dev.capfn.machine.created": "A Machine or its HarvesterMachine appeared",
  "dev.capfn.machine.changed": "A Machine or its HarvesterMachine changed",
  "dev.capfn.machine.deleting": "Deletion of a Machine or its HarvesterMachine was asked for",
  "dev.capfn.machine.deleted": "A Machine or its HarvesterMachine is gone",
  "dev.capfn.vm.created": "A VirtualMachine or its instance appeared on Harvester",
  "dev.capfn.vm.changed": "A VirtualMachine or its instance changed on Harvester",
  "dev.capfn.vm.deleting": "Deletion of a VirtualMachine or its instance was asked for",
  "dev.capfn.vm.deleted": "A VirtualMachine or its instance is gone from Harvester",
  "dev.capfn.ippool.changed": "An IPPool on Harvester appeared, changed or is gone",
  "dev.capfn.ippool.exhausted": "An IPPool on Harvester has no free address, or hardly any",
  "dev.capfn.image.changed": "A VirtualMachineImage on Harvester appeared, changed or is gone",
  "dev.capfn.keypair.changed": "A KeyPair on Harvester appeared, changed or is gone",
  "dev.capfn.node.registered": "A Node appeared in a workload cluster",
  "dev.capfn.node.changed": "A Node of a workload cluster changed",
  "dev.capfn.node.unhealthy": "A Node of a workload cluster is not Ready any more, or is said to be so",
  "dev.capfn.node.deleted": "A Node is gone from a workload cluster",
  "dev.capfn.remediation.changed":
    "A RemediationRequest or MachineRemediation appeared, changed or is gone: a machine is said to be unwell",
  "dev.capfn.secret.changed":
    "A Secret that is named by what we look at appeared, changed or is gone; never its content",
  "dev.capfn.connection.changed":
    "A connection to a Harvester or workload API came up, failed or was replaced",
  "dev.capfn.certificate.expiring":
    "A certificate needs a person: it expires, is expired, not yet valid, not trusted or refused",
  "dev.capfn.object.changed": "An object of a kind without a noun of its own appeared, changed or is gone",
  "dev.capfn.injection.changed": "An EventInjection appeared, changed or is gone",
  "dev.capfn.alert.firing": "An alert fires whose machine is to be remediated",
  "dev.capfn.alert.resolved": "An alert that asked for remediation has ended",
  "dev.capfn.step.due": "A time a function asked for has come",
  "dev.capfn.step.swept": "The regular sweep looked at the item again",
  "dev.capfn.step.ended": "A step ended: what it came to, and what it wrote",
  "dev.capfn.hub.started": "The hub started and looked at everything once",
} as const;

export type EventType = keyof typeof eventTypes;

/** Whether the catalogue has this type. */
export function isEventType(type: string): type is EventType {
  return Object.hasOwn(eventTypes, type);
}
