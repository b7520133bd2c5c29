import { machineFinalizer, ownerUidLabel } from "#api/names.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { certificateInvariants } from "#test/chaos/certificate-invariants.ts";
import { controlPlaneInvariants, hookAfterMember } from "#test/chaos/control-plane-invariants.ts";
import { type Observation, placeOf } from "#test/chaos/history.ts";
import { all, type Invariant } from "#test/chaos/moment.ts";
import { addressIn, allocatedOf, readMachine, readPool } from "#test/chaos/readings.ts";
import { remediationInvariants } from "#test/chaos/remediation-invariants.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

export interface InvariantOptions {
  /** Whether finalizers are taken off by somebody else, as `clusterctl move` does. */
  readonly moved?: boolean;
  /** Whether a control plane provider removes members of etcd. */
  readonly removedByProvider?: boolean;
}

/** Violations over a whole trial, in the order in which it happened, each told once. */
export function checkHistory(
  names: TrialNames,
  observations: readonly Observation[],
  options: InvariantOptions = {},
): string[] {
  const now = new Map<string, KubeObject>();
  const found = new Set<string>();
  const rules = [
    ...always,
    ...(options.moved === true ? [] : unlessMoved),
    ...(options.removedByProvider === true ? [] : [hookAfterMember]),
  ];
  for (const observation of observations) {
    const place = placeOf(observation);
    const before = now.get(place);
    if (observation.gone) now.delete(place);
    else now.set(place, observation.object);
    const moment = { names, now, before, observation };
    for (const invariant of rules) {
      const problem = invariant(moment);
      if (problem !== undefined) found.add(problem.replaceAll(names.id, "TRIAL"));
    }
  }
  for (const pool of all(now, "H ippools")) {
    const { total, available } = readPool(pool);
    const allocated = allocatedOf(pool).size;
    if (total !== undefined && available !== total - allocated)
      found.add(
        `pool ${pool.metadata.name.replace(names.id, "TRIAL")} at rest: available ${available}, total ${total}, ${allocated} allocated`,
      );
  }
  return [...found];
}

const oneVmPerMachine: Invariant = ({ now, observation }) => {
  if (observation.resource !== "virtualmachines") return undefined;
  const owners = all(now, "H virtualmachines")
    .map(ownerOf)
    .filter((uid) => uid !== undefined);
  const twice = owners.find((uid, index) => owners.indexOf(uid) < index);
  return twice === undefined ? undefined : `two VMs with one machine identity, at ${observation.key}`;
};

const addressHeldOnce: Invariant = ({ now, observation }) => {
  if (observation.resource !== "ippools") return undefined;
  const addresses = all(now, "H ippools").flatMap((pool) => [...allocatedOf(pool).keys()]);
  const twice = addresses.find((address, index) => addresses.indexOf(address) < index);
  return twice === undefined ? undefined : "an address is held in two pools";
};

const holderHoldsOne: Invariant = ({ now, observation }) => {
  if (observation.resource !== "ippools") return undefined;
  const holders = all(now, "H ippools").flatMap((pool) => [...allocatedOf(pool).values()]);
  const twice = holders.find((holder, index) => holders.indexOf(holder) < index);
  return twice === undefined ? undefined : `${twice.split("/")[1] ?? ""} holds two addresses`;
};

const vmAddressIsHeld: Invariant = ({ names, now, observation }) => {
  if (observation.api !== "H") return undefined;
  const held = new Map(all(now, "H ippools").flatMap((pool) => [...allocatedOf(pool)]));
  const users = new Map<string, string>();
  for (const vm of all(now, "H virtualmachines")) {
    const owner = ownerOf(vm);
    const secret = now.get(`H secrets ${names.target}/${vm.metadata.name}-cloud-init`);
    const address = secret === undefined || ownerOf(secret) !== owner ? undefined : addressIn(secret);
    if (owner === undefined || address === undefined || names.numberOf(address) === undefined) continue;
    const other = users.get(address);
    if (other !== undefined) return `the VMs ${vm.metadata.name} and ${other} have one address`;
    users.set(address, vm.metadata.name);
    const holder = held.get(address);
    if (holder === undefined) return `the address of the live VM ${vm.metadata.name} is free in its pool`;
    if (!holder.endsWith(`/${owner}`) && !isClaimOf(holder, vm.metadata.name))
      return `the address of the live VM ${vm.metadata.name} is held by another`;
  }
  return undefined;
};

/** Whether the holder is an IPAddressClaim that was made for the machine. */
function isClaimOf(holder: string, machine: string): boolean {
  const [kind, , name = ""] = holder.split("/");
  return kind === "ipaddressclaim" && name.startsWith(`${machine}-address-`);
}

const foreignUntouched: Invariant = ({ names, before, observation }) => {
  const { object, gone, api } = observation;
  const isForeign = api === "H" && object.metadata.name.startsWith(`${names.machine("m1")}-other`);
  if (!isForeign || before === undefined) return undefined;
  const changed = gone || object.metadata.deletionTimestamp !== undefined || ownerOf(object) !== undefined;
  return changed ? `a foreign object was touched: ${object.kind} ${object.metadata.name}` : undefined;
};

const provisionedForGood: Invariant = ({ before, observation }) => {
  if (observation.resource !== "harvestermachines" || observation.gone) return undefined;
  const machine = readMachine(observation.object);
  const isProvisioned = machine.status.initialization?.provisioned === true;
  if (isProvisioned && machine.status.addresses.every(({ type }) => type === "Hostname"))
    return `${observation.key} is provisioned without an address`;
  if (before === undefined || before.metadata.uid !== observation.object.metadata.uid) return undefined;
  const was = readMachine(before);
  if (was.status.initialization?.provisioned === true && !isProvisioned)
    return `${observation.key} was provisioned and no longer is`;
  const { providerID } = was.spec;
  return providerID !== undefined && machine.spec.providerID !== providerID
    ? `${observation.key} got another providerID`
    : undefined;
};

const finalizerFirst: Invariant = ({ names, now, before, observation }) => {
  const { api, resource, object, gone } = observation;
  if (api !== "H" || gone || before !== undefined) return undefined;
  const owner = ownerOf(object);
  if (owner === undefined || !(resource === "virtualmachines" || resource === "secrets")) return undefined;
  // An identity is a uid; other labels are other people's.
  if (!/^[0-9a-f-]{36}$/.test(owner)) return undefined;
  const machine = all(now, "M harvestermachines").find((each) => identityOf(each) === owner);
  return machine?.metadata.finalizers?.includes(machineFinalizer) === true
    ? undefined
    : `${object.kind} ${object.metadata.name} was made for a machine without finalizer in ${names.namespace}`;
};

const finalizerLast: Invariant = ({ now, before, observation }) => {
  if (observation.resource !== "harvestermachines" || before === undefined) return undefined;
  const had = before.metadata.finalizers?.includes(machineFinalizer) === true;
  const has =
    !observation.gone && observation.object.metadata.finalizers?.includes(machineFinalizer) === true;
  if (!had || has) return undefined;
  const identity = identityOf(before);
  const left = ["virtualmachines", "persistentvolumeclaims", "secrets"].filter((resource) =>
    all(now, `H ${resource}`).some(
      (object) => ownerOf(object) === identity && object.metadata.deletionTimestamp === undefined,
    ),
  );
  const vm = all(now, "H virtualmachines").some((each) => ownerOf(each) === identity);
  const holds = all(now, "H ippools").some((pool) =>
    [...allocatedOf(pool).values()].some(
      (holder) => holder.endsWith(`/${identity}`) || isClaimOf(holder, observation.object.metadata.name),
    ),
  );
  if (vm) return `the finalizer of ${observation.key} was removed while its VM exists`;
  if (holds) return `the finalizer of ${observation.key} was removed while it holds an address`;
  return left.length === 0
    ? undefined
    : `the finalizer of ${observation.key} was removed while it has ${left.join(", ")}`;
};

const always: readonly Invariant[] = [
  oneVmPerMachine,
  addressHeldOnce,
  holderHoldsOne,
  vmAddressIsHeld,
  foreignUntouched,
  provisionedForGood,
  ...controlPlaneInvariants,
  ...remediationInvariants,
  ...certificateInvariants,
];
const unlessMoved: readonly Invariant[] = [finalizerFirst, finalizerLast];

function ownerOf(object: KubeObject): string | undefined {
  return object.metadata.labels?.[ownerUidLabel];
}

function identityOf(machine: KubeObject): string {
  return machine.metadata.annotations?.["capfn.dev/identity"] ?? machine.metadata.uid;
}
