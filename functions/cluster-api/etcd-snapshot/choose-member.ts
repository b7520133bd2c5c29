import type { Survey, SurveyedMember } from "#functions/cluster-api/etcd-survey.ts";

/**
 * The member a snapshot is taken from: a voter that is well and has no alarm, rather a follower than the leader, which has the most to do, and of
 * those the one that is furthest. Undefined when there is none.
 */
export function chooseMember({
  members,
  alarms,
}: Pick<Extract<Survey, { kind: "seen" }>, "members" | "alarms">): SurveyedMember | undefined {
  const sound = members.filter(
    ({ member, status }) =>
      status !== undefined &&
      !member.isLearner &&
      status.memberId === member.id &&
      status.leader !== undefined &&
      !alarms.some(({ memberId, type }) => memberId === member.id && type === "CORRUPT"),
  );
  return sound.toSorted(
    (a, b) =>
      Number(isLeader(a)) - Number(isLeader(b)) ||
      Number(applied(a) < applied(b)) - Number(applied(a) > applied(b)),
  )[0];
}

function isLeader({ member, status }: SurveyedMember): boolean {
  return status?.leader === member.id;
}

function applied({ status }: SurveyedMember): bigint {
  return status?.appliedIndex ?? 0n;
}
