import type { EventType } from "#events/catalog/types.ts";

/** What a change of an object amounts to, before it has a noun. `ailing`: it was well by its view's measure, and is not any more. */
export type ChangeVerb = "created" | "changed" | "ailing" | "deleting" | "deleted";

const byNoun = {
  cluster: {
    created: "dev.capfn.cluster.created",
    changed: "dev.capfn.cluster.changed",
    ailing: "dev.capfn.cluster.changed",
    deleting: "dev.capfn.cluster.deleting",
    deleted: "dev.capfn.cluster.deleted",
  },
  machine: {
    created: "dev.capfn.machine.created",
    changed: "dev.capfn.machine.changed",
    ailing: "dev.capfn.machine.changed",
    deleting: "dev.capfn.machine.deleting",
    deleted: "dev.capfn.machine.deleted",
  },
  vm: {
    created: "dev.capfn.vm.created",
    changed: "dev.capfn.vm.changed",
    ailing: "dev.capfn.vm.changed",
    deleting: "dev.capfn.vm.deleting",
    deleted: "dev.capfn.vm.deleted",
  },
  node: {
    created: "dev.capfn.node.registered",
    changed: "dev.capfn.node.changed",
    ailing: "dev.capfn.node.unhealthy",
    deleting: "dev.capfn.node.changed",
    deleted: "dev.capfn.node.deleted",
  },
} as const satisfies Record<string, Record<ChangeVerb, EventType>>;

const nounOf: Readonly<Record<string, keyof typeof byNoun>> = {
  clusters: "cluster",
  harvesterclusters: "cluster",
  machines: "machine",
  harvestermachines: "machine",
  virtualmachines: "vm",
  virtualmachineinstances: "vm",
  nodes: "node",
};

const plainOf: Readonly<Record<string, EventType>> = {
  ippools: "dev.capfn.ippool.changed",
  virtualmachineimages: "dev.capfn.image.changed",
  keypairs: "dev.capfn.keypair.changed",
  remediationrequests: "dev.capfn.remediation.changed",
  machineremediations: "dev.capfn.remediation.changed",
  eventinjections: "dev.capfn.injection.changed",
  secrets: "dev.capfn.secret.changed",
  connectionstates: "dev.capfn.connection.changed",
};

/** The catalogue's word for a change of an object of this resource. */
export function eventTypeOf(plural: string, verb: ChangeVerb): EventType {
  const noun = nounOf[plural];
  if (noun !== undefined) return byNoun[noun][verb];
  return plainOf[plural] ?? "dev.capfn.object.changed";
}
