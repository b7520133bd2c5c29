import {
  describeMember,
  matchMember,
  type MemberIdentity,
} from "#functions/cluster-api/etcd-remove/member-match.ts";
import type { SurveyedMember } from "#functions/cluster-api/etcd-survey.ts";
import type { EtcdAlarm, EtcdMember } from "#platform/etcd/answers.ts";

/** All that the decision rests on, from one survey. */
export interface RemovalView {
  /** The machine that goes. */
  readonly target: MemberIdentity;
  /** The other machines of the control plane that stay. */
  readonly staying: readonly MemberIdentity[];
  /** Machines that go too; their members are told apart by address. */
  readonly going: readonly MemberIdentity[];
  /** `theirs`: the control plane provider removes members itself, so nothing but the result is looked at. */
  readonly removal: "ours" | "theirs";
  readonly members: readonly SurveyedMember[];
  readonly alarms: readonly EtcdAlarm[];
}

/** Why a member is not removed now. */
export type RefusalReason =
  | "MemberUnclear"
  | "MemberJoining"
  | "LastVoter"
  | "LeaderUnclear"
  | "AlarmRaised"
  | "QuorumAtRisk"
  | "ReplacementJoining";

/** What to do next about the machine's member. Ids are decimal uint64. */
export type RemovalPlan =
  /** The machine has no member, or none any more. */
  | { readonly kind: "absent" }
  /** The machine's member is the whole cluster and nothing of the control plane stays: there is nothing to remove it from. */
  | { readonly kind: "last" }
  /** Another removes members, and has left this one. */
  | { readonly kind: "leftBehind"; readonly member: EtcdMember }
  | { readonly kind: "moveLeader"; readonly from: EtcdMember; readonly to: EtcdMember }
  /** `via` has just answered and stays. */
  | { readonly kind: "remove"; readonly member: EtcdMember; readonly via: EtcdMember }
  | { readonly kind: "refuse"; readonly reason: RefusalReason; readonly message: string };

/** Entries of the log a follower may be behind; beyond, etcd sends a whole snapshot (`--snapshot-catchup-entries`). */
const LARGEST_LAG = 5_000n;

/**
 * One step towards a control plane without the machine's member, or why there is none. After a removal the voters that are well are still a
 * quorum of all that are left: etcd itself counts a member that has ever started as well (`strict-reconfig-check`).
 */
export function planRemoval(view: RemovalView): RemovalPlan {
  const { members, target, staying, going } = view;
  const match = matchMember(
    target,
    members.map(({ member }) => member),
    [...staying, ...going],
  );
  if (match.kind === "unclear") return refuse("MemberUnclear", match.message);
  if (match.kind === "none") return { kind: "absent" };
  const { member } = match;
  if (view.removal === "theirs") return { kind: "leftBehind", member };
  const others = members.filter((each) => each.member.id !== member.id);
  const voters = others.filter((each) => !each.member.isLearner);
  if (voters.length === 0 && !member.isLearner) return lastVoter(view);
  const { leader, well, weak } = judge(voters);
  const [via] = well;
  if (via === undefined || leader === undefined) {
    return leader === undefined && well.length > 0
      ? refuse(
          "LeaderUnclear",
          "the members that answer do not agree on a leader; wait for the election to end",
        )
      : refuse("QuorumAtRisk", `no other voter is well: ${weak.join(", ")}; bring one back first`);
  }
  if (member.isLearner) return { kind: "remove", member, via: via.member };
  return (
    unsettled(view, others) ??
    belowQuorum({ voters, well, weak }, leader) ??
    joining(view, member) ??
    step(view, member, { leader, well, weak })
  );
}

interface Judged {
  readonly leader: string | undefined;
  readonly well: readonly SurveyedMember[];
  /** What is wrong with the others, for messages. */
  readonly weak: readonly string[];
}

/** The leader the voters agree on, and which of them are well. */
function judge(voters: readonly SurveyedMember[]): Judged {
  const told = new Set(voters.flatMap(({ status }) => status?.leader ?? []));
  const [leader] = told.size === 1 ? told : [];
  const newest = voters.reduce((max, { status }) => {
    const index = status?.raftIndex ?? 0n;
    return index > max ? index : max;
  }, 0n);
  const faults = voters.map((voter) => ({ voter, fault: weakness(voter, newest) }));
  return {
    leader,
    well: faults.filter(({ fault }) => fault === undefined).map(({ voter }) => voter),
    weak: faults
      .filter(({ fault }) => fault !== undefined)
      .map(({ voter, fault }) => `${describeMember(voter.member)} ${fault ?? ""}`),
  };
}

/** What keeps a voter from being counted on. */
function weakness({ member, status }: SurveyedMember, newest: bigint): string | undefined {
  if (status === undefined) return "does not answer";
  if (status.memberId !== member.id) return "is not what answers at its address";
  if (status.errors.length > 0) return "reports errors of its own";
  if (status.leader === undefined) return "knows no leader";
  if (newest - status.appliedIndex > LARGEST_LAG) return `is more than ${LARGEST_LAG} log entries behind`;
  return undefined;
}

function lastVoter({ staying, target }: RemovalView): RemovalPlan {
  const [other] = staying;
  if (other === undefined) return { kind: "last" };
  return refuse(
    "LastVoter",
    `machine ${target.machine} has the only voter; wait until machine ${other.machine} has joined as one, or delete that too`,
  );
}

/** A member that is being added, or an alarm of one that stays: mend that first. */
function unsettled({ alarms }: RemovalView, others: readonly SurveyedMember[]): RemovalPlan | undefined {
  const joins = others.find(({ member }) => member.isLearner || member.name === "");
  if (joins !== undefined) {
    const how = joins.member.isLearner ? "is a learner" : "has not started yet";
    return refuse("MemberJoining", `${describeMember(joins.member)} ${how}; one change at a time`);
  }
  const alarm = alarms.find(({ memberId }) => others.some(({ member }) => member.id === memberId));
  const raised = others.find(({ member }) => member.id === alarm?.memberId);
  if (alarm === undefined || raised === undefined) return undefined;
  return refuse("AlarmRaised", `${describeMember(raised.member)} has raised the alarm ${alarm.type}`);
}

function belowQuorum(
  { voters, well, weak }: { voters: readonly SurveyedMember[] } & Pick<Judged, "well" | "weak">,
  leader: string,
): RemovalPlan | undefined {
  const needed = quorumOf(voters.length);
  if (well.length >= needed) {
    // The leader may be the member that goes. Otherwise it must be one that is well.
    const known = voters.find(({ member }) => member.id === leader);
    return known === undefined || well.includes(known)
      ? undefined
      : refuse("LeaderUnclear", `${describeMember(known.member)}, the leader, is not well`);
  }
  return refuse(
    "QuorumAtRisk",
    `${needed} of the ${voters.length} voters that would be left must be well, ${well.length} ${well.length === 1 ? "is" : "are"}: ${weak.join(", ")}`,
  );
}

/** A member that is well is given up only when every machine that stays votes: the one before it has been replaced. */
function joining(
  { members, staying, target, going }: RemovalView,
  member: EtcdMember,
): RemovalPlan | undefined {
  const own = members.find((each) => each.member.id === member.id);
  if (own?.status === undefined || weakness(own, own.status.raftIndex) !== undefined) return undefined;
  const listed = members.map((each) => each.member);
  const late = staying.find((machine) => {
    const others = [target, ...going, ...staying.filter((each) => each !== machine)];
    return matchMember(machine, listed, others).kind === "none";
  });
  return late === undefined
    ? undefined
    : refuse(
        "ReplacementJoining",
        `machine ${late.machine} has not joined etcd yet; wait for it, or delete it`,
      );
}

/** Leadership goes first to the member that is furthest; a leader that does not answer loses it by its removal. */
function step({ members }: RemovalView, member: EtcdMember, { leader, well }: Judged): RemovalPlan {
  const [first, ...rest] = well;
  if (first === undefined) return refuse("QuorumAtRisk", "no other voter is well; bring one back first");
  const best = rest.reduce((one, other) => (applied(other) > applied(one) ? other : one), first).member;
  const answers = members.some((each) => each.member.id === member.id && each.status !== undefined);
  return leader === member.id && answers
    ? { kind: "moveLeader", from: member, to: best }
    : { kind: "remove", member, via: best };
}

function applied({ status }: SurveyedMember): bigint {
  return status?.appliedIndex ?? 0n;
}

/** Voters that must agree: more than half (Raft). */
export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function refuse(reason: RefusalReason, message: string): RemovalPlan {
  return { kind: "refuse", reason, message };
}
