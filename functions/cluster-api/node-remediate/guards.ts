import { remediationReasons, pausedReasons } from "#api/condition-names.ts";
import type { Peer, Situation } from "#functions/cluster-api/node-remediate/situation.ts";

/** Why no step is taken now, in the words of a condition. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
  /** When the reason ends by itself, ms; undefined when something else has to change. */
  readonly until?: number;
}

/** Answers why it forbids a step now; undefined when it does not. */
type Guard = (situation: Situation, now: number) => Refusal | undefined;

/** People asked for quiet: the contract's pause, or another system's machine. */
const paused: Guard = ({ paused: why }) => because(pausedReasons.Paused, why);

/** People are at work on it. */
const maintenance: Guard = ({ maintenance: why }) => because(remediationReasons.Maintenance, why);

/** One at a time for each machine: two alerts about it are one trouble. */
const alone: Guard = ({ competitor }) =>
  because(
    remediationReasons.AnotherRemediation,
    competitor === undefined ? undefined : `${competitor} is at work on the same machine`,
  );

const cooldown: Guard = ({ lastEndedAt, policy }, now) => {
  const until = (lastEndedAt ?? -Infinity) + policy.cooldownMs;
  return until > now
    ? {
        ...refusal(
          remediationReasons.Cooldown,
          `the machine was remediated less than ${policy.cooldownMs / 1_000} s ago`,
        ),
        until,
      }
    : undefined;
};

/**
 * A machine that boots is not well yet, and one that fell ill soon after its start is not to be restarted for ever: the first step waits as
 * after an earlier remediation, of which nothing else may be left (a MachineHealthCheck takes its objects away).
 */
const booting: Guard = ({ instanceSince, hasActed, policy }, now) => {
  const quietMs = hasActed ? policy.stepTimeoutMs : Math.max(policy.stepTimeoutMs, policy.cooldownMs);
  const until = (instanceSince ?? -Infinity) + quietMs;
  return until > now
    ? {
        ...refusal(
          remediationReasons.StartedRecently,
          `the VM was started less than ${quietMs / 1_000} s ago`,
        ),
        until,
      }
    : undefined;
};

/** An API server that does not answer says nothing about its Nodes: that is one trouble of the cluster, not one of each machine. */
const reachable: Guard = ({ unreachable: why }) => because(remediationReasons.ClusterUnreachable, why);

/** At least two, and at least half of the cluster, unwell at once: the cause lies elsewhere, and rebooting everything mends nothing. */
const noStorm: Guard = ({ self, others }) => {
  const joined = [self, ...others].filter(({ hasJoined }) => hasJoined);
  const unwell = joined.filter(({ isHealthy }) => !isHealthy).length;
  return unwell >= 2 && unwell * 2 >= joined.length
    ? refusal(
        remediationReasons.RemediationStorm,
        `${unwell} of ${joined.length} machines are unhealthy at once: find what they have in common`,
      )
    : undefined;
};

const enoughHealthy: Guard = ({ others, policy }) => {
  const joined = others.filter(({ hasJoined }) => hasJoined);
  const healthy = joined.filter(({ isHealthy }) => isHealthy).length;
  const wanted = leastOf(policy.minHealthy, joined.length);
  return healthy < wanted
    ? refusal(
        remediationReasons.TooManyUnhealthy,
        `${healthy} of the ${joined.length} other machines are healthy, minHealthy ${policy.minHealthy} asks for ${wanted}`,
      )
    : undefined;
};

/** One control plane machine at a time, counting those that come up or go: each of them moves etcd members. */
const oneControlPlane: Guard = ({ self, others }) => {
  if (!self.isControlPlane) return undefined;
  const busy = others
    .filter(({ isControlPlane }) => isControlPlane)
    .find(({ isDeleting, isRemediated, hasJoined }) => isDeleting || isRemediated || !hasJoined);
  if (busy === undefined) return undefined;
  const what = busy.isDeleting
    ? "is being deleted"
    : busy.isRemediated
      ? "is being remediated"
      : "has not joined yet";
  return refusal(remediationReasons.ControlPlaneBusy, `control plane machine ${busy.name} ${what}`);
};

/**
 * Without this machine the others must still be a quorum: a kubelet that is silent may well sit beside an etcd member that votes. A single
 * control plane has none to lose.
 */
const keepsQuorum: Guard = ({ self, others }) => {
  if (!self.isControlPlane) return undefined;
  const voters = others.filter(({ isControlPlane }) => isControlPlane);
  if (voters.length === 0) return undefined;
  const quorum = Math.floor((voters.length + 1) / 2) + 1;
  const healthy = voters.filter(({ isHealthy }: Peer) => isHealthy).length;
  return healthy < quorum
    ? refusal(
        remediationReasons.EtcdQuorumAtRisk,
        `${healthy} other control plane machines are healthy, etcd needs ${quorum} of ${voters.length + 1}`,
      )
    : undefined;
};

/** From the plainest to the costliest: what people said, then the machine itself, then the cluster. */
const guards: readonly Guard[] = [
  paused,
  maintenance,
  reachable,
  alone,
  cooldown,
  booting,
  noStorm,
  enoughHealthy,
  oneControlPlane,
  keepsQuorum,
];

/** The first reason not to begin a step now, nor to take one that was begun earlier. */
export function refusalOf(situation: Situation, now: number): Refusal | undefined {
  for (const guard of guards) {
    const refused = guard(situation, now);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** The least number meant by a count or a share of `total`; a share is rounded up, to the safe side. */
export function leastOf(wanted: string | number, total: number): number {
  const share = /^(\d{1,3})%$/.exec(String(wanted))?.[1];
  return share === undefined ? Number(wanted) : Math.ceil((Number(share) * total) / 100);
}

function because(reason: string, message: string | undefined): Refusal | undefined {
  return message === undefined ? undefined : refusal(reason, message);
}

function refusal(reason: string, message: string): Refusal {
  return { reason, message };
}
