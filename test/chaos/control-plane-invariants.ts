import { ETCD_HOOK_ANNOTATION } from "#platform/cluster-api/cluster.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { State } from "#test/chaos/history.ts";
import { all, type Invariant } from "#test/chaos/moment.ts";
import { isRunning } from "#test/chaos/voters.ts";

/** Raft: more than half of all voters must live. */
const votersKeepQuorum: Invariant = ({ now, observation }) => {
  if (observation.api !== "E") return undefined;
  const voters = all(now, "E members");
  const running = voters.filter(isRunning).length;
  return running > voters.length / 2
    ? undefined
    : `${running} of ${voters.length} voters live: etcd has lost its quorum`;
};

/** Only the member of a machine that is being deleted goes. */
const onlyTheMemberMeant: Invariant = ({ names, now, observation }) => {
  const { api, gone, object } = observation;
  if (api !== "E" || !gone) return undefined;
  const machine = machineOf(now, names.namespace, object);
  return machine?.metadata.deletionTimestamp === undefined
    ? `member ${object.metadata.name} was removed while its machine stays`
    : undefined;
};

const oneAtATime: Invariant = ({ names, now, observation }) => {
  const { api, gone, object, resource } = observation;
  const isRemoval = api === "E" && gone;
  if (!isRemoval && resource !== "machines") return undefined;
  const letGo = all(now, "M machines")
    .filter((each) => isControlPlane(each) && each.metadata.deletionTimestamp !== undefined && !hasHook(each))
    .map(({ metadata }) => metadata.name);
  if (letGo.length > 1) return `two control plane machines are let go at once: ${letGo.join(", ")}`;
  const [other] = letGo;
  if (!isRemoval || other === undefined || other === names.machine(object.metadata.name)) return undefined;
  return `member ${object.metadata.name} was removed while machine ${other} still goes`;
};

/** The hook is what holds the VM: it comes off last, unless somebody else removes members. */
export const hookAfterMember: Invariant = ({ names, now, before, observation }) => {
  const { resource, object, gone } = observation;
  if (resource !== "machines" || before === undefined || !hasHook(before)) return undefined;
  if (before.metadata.deletionTimestamp === undefined || (!gone && hasHook(object))) return undefined;
  const member = all(now, "E members").find(
    ({ metadata }) => names.machine(metadata.name) === before.metadata.name,
  );
  return member === undefined
    ? undefined
    : `the hook of machine ${before.metadata.name} was taken off while its member is in etcd`;
};

/** What must hold of a control plane with etcd on its machines; machines and members are named alike. */
export const controlPlaneInvariants: readonly Invariant[] = [
  votersKeepQuorum,
  onlyTheMemberMeant,
  oneAtATime,
];

function machineOf(now: State, namespace: string, { metadata }: KubeObject): KubeObject | undefined {
  return all(now, "M machines").find(
    (each) => each.metadata.namespace === namespace && each.metadata.name.endsWith(`-${metadata.name}`),
  );
}

function isControlPlane({ metadata }: KubeObject): boolean {
  return metadata.labels?.["cluster.x-k8s.io/control-plane"] !== undefined;
}

function hasHook({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[ETCD_HOOK_ANNOTATION] !== undefined;
}
