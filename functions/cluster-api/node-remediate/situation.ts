import { controlPlaneLabel } from "#api/names.ts";
import { policyDefaults } from "#api/remediation.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { MAINTENANCE_ANNOTATION, type Machine } from "#platform/cluster-api/cluster.ts";
import { readiness } from "#platform/cluster-api/node.ts";
import { isFinal, type Remediation } from "#platform/cluster-api/remediation.ts";
import type { Seen } from "#platform/kube/view.ts";

/** One machine of the cluster, as far as guards count it. */
export interface Peer {
  readonly name: string;
  readonly isControlPlane: boolean;
  /** It has, or had, a Node. */
  readonly hasJoined: boolean;
  /** Its Node is Ready and it is not being deleted. */
  readonly isHealthy: boolean;
  readonly isDeleting: boolean;
  /** A remediation of it has a step under way. */
  readonly isRemediated: boolean;
}

/** All that the guards look at. Plain data, so that each guard is a function of it. */
export interface Situation {
  /** What pauses the work, in words; undefined when nothing does. */
  readonly paused: string | undefined;
  readonly maintenance: string | undefined;
  /** Why the workload cluster cannot be looked at; undefined when it can. */
  readonly unreachable: string | undefined;
  readonly self: Peer;
  /** The other machines of the cluster. */
  readonly others: readonly Peer[];
  /** Another remediation of this machine that was there first or has begun, by name. */
  readonly competitor: string | undefined;
  /** When the last step of an earlier remediation of this machine ended, ms. */
  readonly lastEndedAt: number | undefined;
  /** This remediation has taken a step. */
  readonly hasActed: boolean;
  /** When the VM's instance was made, ms; undefined when there is none. */
  readonly instanceSince: number | undefined;
  readonly policy: {
    readonly minHealthy: string | number;
    readonly cooldownMs: number;
    readonly stepTimeoutMs: number;
  };
}

/** Undefined when the Machine that is meant does not exist. */
export function situationOf(view: RemediationView): Situation | undefined {
  const { object, related, unknown } = view;
  const { machine } = related;
  if (machine === undefined) return undefined;
  const busy = new Set(
    [...related.runningRequests, ...related.runningRemediations]
      .filter(({ meta }) => meta.uid !== object.meta.uid)
      .map(({ status }) => status.target?.machineUID),
  );
  // Every request of a storm looks at every machine of its cluster: each of them has to be found at once.
  const nodes = new Map(related.nodes.map((node) => [node.meta.name, node]));
  const peer = (each: Seen<Machine>): Peer => {
    const node = nodes.get(each.status.nodeRef?.name ?? "");
    const isDeleting = each.meta.deletionTimestamp !== undefined;
    return {
      name: each.meta.name,
      isControlPlane: each.metadata.labels[controlPlaneLabel] !== undefined,
      hasJoined: each.status.nodeRef !== undefined,
      isHealthy: node !== undefined && readiness(node) === "True" && !isDeleting,
      isDeleting,
      isRemediated: busy.has(each.meta.uid),
    };
  };
  const { minHealthy, cooldownSeconds, stepTimeoutSeconds } = { ...policyDefaults, ...given(object) };
  const since = related.vmi?.meta.creationTimestamp;
  return {
    paused: pauseOf(view),
    maintenance: maintenanceOf(view),
    unreachable: unreachableOf(view, unknown.includes("nodes")),
    self: peer(machine),
    others: related.machines.filter(({ meta }) => meta.uid !== machine.meta.uid).map(peer),
    ...othersOfMachine(view),
    hasActed: (object.status.steps ?? []).some(({ state }) => state !== "Skipped"),
    instanceSince: since === undefined ? undefined : Date.parse(since),
    policy: { minHealthy, cooldownMs: cooldownSeconds * 1_000, stepTimeoutMs: stepTimeoutSeconds * 1_000 },
  };
}

/** The policy's values as far as they are set: an absent one must not cover its default. */
function given({ spec }: Remediation) {
  const { minHealthy, cooldownSeconds, stepTimeoutSeconds } = spec;
  return {
    ...(minHealthy !== undefined && { minHealthy }),
    ...(cooldownSeconds !== undefined && { cooldownSeconds }),
    ...(stepTimeoutSeconds !== undefined && { stepTimeoutSeconds }),
  };
}

/** What pauses the work, in words (Cluster API contract, pausing). */
function pauseOf({ object, related }: RemediationView): string | undefined {
  const { cluster, machine, infrastructure } = related;
  if (cluster?.spec.paused === true) return `Cluster ${cluster.meta.name} has spec.paused: true`;
  const paused = [object, machine, infrastructure].find(
    (each) => each?.metadata.annotations["cluster.x-k8s.io/paused"] !== undefined,
  );
  if (paused !== undefined) return `${paused.meta.name} has the annotation cluster.x-k8s.io/paused`;
  return infrastructure?.metadata.annotations["cluster.x-k8s.io/managed-by"] === undefined
    ? undefined
    : "another system manages the HarvesterMachine: it has the annotation cluster.x-k8s.io/managed-by";
}

/** Who asked for the machine to be left alone, in words. */
function maintenanceOf({ related: { cluster, machine, node } }: RemediationView): string | undefined {
  if (cluster?.metadata.annotations[MAINTENANCE_ANNOTATION] !== undefined)
    return `Cluster ${cluster.meta.name} has the annotation ${MAINTENANCE_ANNOTATION}`;
  const annotations = machine?.metadata.annotations;
  const named = ([MAINTENANCE_ANNOTATION, "cluster.x-k8s.io/skip-remediation"] as const).find(
    (name) => annotations?.[name] !== undefined,
  );
  if (named !== undefined) return `the Machine has the annotation ${named}`;
  return node?.spec.unschedulable === true ? `Node ${node.meta.name} is cordoned` : undefined;
}

function unreachableOf({ related }: RemediationView, isUnlisted: boolean): string | undefined {
  const state = related.connection?.state;
  if (state === "failed")
    return related.connection?.message ?? "the API server of the workload cluster does not answer";
  return isUnlisted ? "the Nodes of the workload cluster are not known yet" : undefined;
}

/** Of the remediations of this machine: one that goes first, and when the last one did something. */
function othersOfMachine({
  object,
  related,
}: RemediationView): Pick<Situation, "competitor" | "lastEndedAt"> {
  const { machine, ownRequests, ownRemediations } = related;
  const others = [...ownRequests, ...ownRemediations].filter(
    ({ meta, status }) =>
      meta.uid !== object.meta.uid &&
      status.target?.machineUID === machine?.meta.uid &&
      machine !== undefined,
  );
  const competitor = others.find((other) => !isFinal(other) && other.status.phase === "Running");
  const ended = others.flatMap(({ status }) =>
    (status.steps ?? []).flatMap(({ state, name, finishedAt, startedAt }) =>
      state === "Skipped" || name === "Escalate" ? [] : [Date.parse(finishedAt ?? startedAt)],
    ),
  );
  return {
    competitor: competitor?.meta.name,
    lastEndedAt: ended.length === 0 ? undefined : Math.max(...ended),
  };
}
