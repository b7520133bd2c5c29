import * as z from "zod";
import {
  clusterFinalizer,
  legacyClusterFinalizer,
  legacyMachineFinalizer,
  machineFinalizer,
  ownerUidLabel,
} from "#api/names.ts";
import type { Finding } from "#cli/takeover/report.ts";
import { hadVm, isOurs, ownedBy } from "#functions/harvester/ownership.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** A HarvesterCluster with its machines, and the VMs of its target namespace by name. */
export interface ClusterAsFound {
  readonly cluster: KubeObject;
  readonly machines: readonly KubeObject[];
  readonly vms: ReadonlyMap<string, KubeObject>;
}

const reasonableSchema = z.looseObject({
  status: z.looseObject({ ready: z.boolean().optional() }).prefault({}),
});

/** What becomes of each machine of a cluster: which VM is its own and by what proof, which is not, which it does not have. */
export function machineFindings({ machines, vms }: ClusterAsFound): Finding[] {
  return machines.map((machine) => ({ about: aboutMachine(machine), ...verdict(machine, vms) }));
}

function verdict(object: KubeObject, vms: ClusterAsFound["vms"]): Omit<Finding, "about"> {
  const read = harvesterMachineView.schema.safeParse(object);
  if (!read.success)
    return {
      state: "blocks",
      message: "its spec cannot be read; compare it with docs/reference/harvester-machine.md",
    };
  const machine = seenAs(harvesterMachineView, object, MANAGEMENT);
  const deleting = machine.meta.deletionTimestamp !== undefined ? "is being deleted; " : "";
  const vm = vms.get(machine.meta.name);
  if (vm !== undefined && isOurs(ownedBy(vm), machine))
    return {
      state: "fine",
      message: `${deleting}VM ${vm.metadata.uid} is its own, ${proof(vm, machine.spec.providerID)}`,
    };
  if (vm !== undefined)
    return {
      state: "note",
      message: `${deleting}a VM of its name exists and is not proven to be its own (${why(vm, machine.spec.providerID)}); it will be left alone`,
    };
  if (deleting !== "") return { state: "fine", message: `${deleting}its VM is gone` };
  return hadVm(machine)
    ? { state: "note", message: "its VM is gone; it is reported as lost and not made again" }
    : { state: "fine", message: "has no VM yet; it goes on where it is" };
}

function proof(vm: KubeObject, providerID = ""): string {
  if (vm.metadata.labels?.[ownerUidLabel] !== undefined) return "by its label";
  return providerID === "" ? "by the machine's status" : "by the machine's providerID";
}

function why(vm: KubeObject, providerID = ""): string {
  const owner = vm.metadata.labels?.[ownerUidLabel];
  if (owner !== undefined) return "its label names another owner";
  return providerID === ""
    ? "the machine's status knows of no VM"
    : "the machine's providerID names another VM";
}

/** Finalizers of early releases, and clusters that are not well: what a person wants to know before, and what stays as it is. */
export function clusterFinding({ cluster, machines, vms }: ClusterAsFound): Finding {
  const ready = reasonableSchema.parse(cluster).status.ready === true ? "ready" : "not ready";
  const early = [cluster, ...machines].filter(({ metadata }) =>
    metadata.finalizers?.some((name) => name === legacyMachineFinalizer || name === legacyClusterFinalizer),
  ).length;
  const bare = [cluster, ...machines].filter(
    ({ metadata }) =>
      !metadata.finalizers?.some((name) =>
        [machineFinalizer, clusterFinalizer, legacyMachineFinalizer, legacyClusterFinalizer].includes(name),
      ),
  ).length;
  return {
    about: `HarvesterCluster ${cluster.metadata.namespace ?? ""}/${cluster.metadata.name}`,
    state: "fine",
    message: [
      `${ready}, ${machines.length} machines, ${vms.size} VMs in its target namespace`,
      ...(early > 0 ? [`${early} objects with finalizers of early releases, which are replaced`] : []),
      ...(bare > 0 ? [`${bare} objects without our finalizer, which get it`] : []),
    ].join("; "),
  };
}

function aboutMachine({ metadata }: KubeObject): string {
  return `HarvesterMachine ${metadata.namespace ?? ""}/${metadata.name}`;
}
