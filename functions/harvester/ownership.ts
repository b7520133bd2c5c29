import { createHash } from "node:crypto";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import {
  clusterLabel,
  ownerNameLabel,
  ownerNamespaceLabel,
  ownerUidLabel,
  providerIdPrefix,
} from "#api/names.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { identityOf, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What of an object on Harvester tells whose it is. */
export interface Owned {
  readonly meta: { readonly uid: string };
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> | undefined };
}

/** Labels of every object made on Harvester for the machine: they name its owner, so a namesake's is never touched. */
export function ownerLabels(
  machine: Seen<HarvesterMachineBody>,
  cluster: { readonly meta: { readonly name: string } },
): Readonly<Record<string, string>> {
  return {
    ...ownerSelector(machine),
    [ownerNamespaceLabel]: labelValue(machine.meta.namespace ?? ""),
    [clusterLabel]: labelValue(cluster.meta.name),
  };
}

/** The labels that select all of the machine's objects and nobody else's. */
export function ownerSelector(machine: Seen<HarvesterMachineBody>): Readonly<Record<string, string>> {
  return { [ownerUidLabel]: identityOf(machine), [ownerNameLabel]: labelValue(machine.meta.name) };
}

/**
 * Whether a VM with the machine's name is the machine's. By the identity label. A VM without one, made by the Go provider, is ours when the
 * machine's providerID names its uid; or, while there is no such providerID (none yet, or that of another cloud provider, which the Go
 * provider took over from the Node), when the machine's status says that it was created.
 */
export function isOurs(vm: Owned, machine: Seen<HarvesterMachineBody>): boolean {
  const owner = vm.metadata.labels?.[ownerUidLabel];
  if (owner !== undefined) return owner === identityOf(machine);
  const { providerID = "" } = machine.spec;
  if (providerID.startsWith(providerIdPrefix)) return providerID === `${providerIdPrefix}${vm.meta.uid}`;
  return findCondition(machine.status.conditions, machineConditions.MachineCreated)?.status === "True";
}

/**
 * Whether the machine has had a VM: it has a providerID, or its status says that a VM was created, or that the created one is lost. It is
 * given no second one: an infrastructure machine is immutable, a lost one is replaced (Cluster API, InfraMachine).
 */
export function hadVm(own: Seen<HarvesterMachineBody>): boolean {
  const created = findCondition(own.status.conditions, machineConditions.MachineCreated);
  return (
    (own.spec.providerID ?? "") !== "" ||
    created?.status === "True" ||
    created?.reason === machineReasons.MachineNotFound
  );
}

/** Whether an object carries the identity label of the machine. For what the Go provider left unlabelled it says no. */
export function isLabelledOurs(object: KubeObject, machine: Seen<HarvesterMachineBody>): boolean {
  return object.metadata.labels?.[ownerUidLabel] === identityOf(machine);
}

/** An object as the API server answers, in the form {@link isOurs} reads. */
export function ownedBy(object: KubeObject): Owned {
  return { meta: { uid: object.metadata.uid }, metadata: { labels: object.metadata.labels } };
}

/** A name as label value: itself, or, when longer than the 63 characters a label value may have, cut and made unique by a hash. */
export function labelValue(name: string): string {
  if (name.length <= LONGEST_LABEL_VALUE) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 10);
  return `${name.slice(0, LONGEST_LABEL_VALUE - hash.length - 1)}.${hash}`;
}

const LONGEST_LABEL_VALUE = 63;
