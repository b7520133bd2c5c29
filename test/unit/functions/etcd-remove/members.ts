import type { MemberIdentity } from "#functions/cluster-api/etcd-remove/member-match.ts";
import type { RemovalView } from "#functions/cluster-api/etcd-remove/plan.ts";
import type { SurveyedMember } from "#functions/cluster-api/etcd-survey.ts";
import type { EtcdMember, EtcdStatus } from "#platform/etcd/answers.ts";

/** Ids above 2^53 that would all be one and the same as JavaScript numbers. */
export function idOf(n: number): string {
  return String(14_000_000_000_000_000_000n + BigInt(n));
}

function addressOf(n: number): string {
  return `10.0.0.${n}`;
}

export function member(n: number, over: Partial<EtcdMember> = {}): EtcdMember {
  return {
    id: idOf(n),
    name: `cp-${n}`,
    peerURLs: [`https://${addressOf(n)}:2380`],
    clientURLs: [`https://${addressOf(n)}:2379`],
    isLearner: false,
    ...over,
  };
}

export function status(n: number, over: Partial<EtcdStatus> = {}): EtcdStatus {
  return {
    version: "3.6.0",
    clusterId: "17000000000000000001",
    memberId: idOf(n),
    revision: "100",
    leader: idOf(1),
    raftIndex: 1_000n,
    appliedIndex: 1_000n,
    dbSizeBytes: 1n,
    dbInUseBytes: 1n,
    errors: [],
    isLearner: false,
    ...over,
  };
}

export function machineOf(n: number): MemberIdentity {
  return { machine: `machine-${n}`, nodeNames: [`cp-${n}`], addresses: [addressOf(n)] };
}

export interface Scene {
  readonly voters: number;
  /** The machine that goes. */
  readonly target: number;
  readonly down?: readonly number[];
  readonly learners?: readonly number[];
  readonly leader?: number | undefined;
  readonly over?: Partial<RemovalView>;
}

/** Voters 1 to n with a machine each, all well but those said to be down. */
export function scene({
  voters,
  target,
  down = [],
  learners = [],
  leader = 1,
  over = {},
}: Scene): RemovalView {
  const numbers = Array.from({ length: voters }, (_, index) => index + 1);
  const all = [...numbers, ...learners];
  const members = all.map((n): SurveyedMember => ({
    member: member(n, { isLearner: learners.includes(n) }),
    status: down.includes(n)
      ? undefined
      : status(n, { leader: idOf(leader), isLearner: learners.includes(n) }),
  }));
  return {
    target: machineOf(target),
    staying: all.filter((n) => n !== target).map(machineOf),
    going: [],
    removal: "ours",
    members,
    alarms: [],
    ...over,
  };
}
