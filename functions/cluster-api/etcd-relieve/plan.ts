import type { Survey, SurveyedMember } from "#functions/cluster-api/etcd-survey.ts";
import type { EtcdAlarm } from "#platform/etcd/answers.ts";

type Seen = Pick<Extract<Survey, { kind: "seen" }>, "members" | "alarms">;

/** The next step towards an etcd with room, or why there is none. */
export type ReliefPlan =
  | { readonly kind: "refuse"; readonly reason: "CorruptMember" | "MemberNotWell"; readonly message: string }
  | { readonly kind: "defragment"; readonly member: SurveyedMember }
  | { readonly kind: "disarm"; readonly alarm: EtcdAlarm; readonly via: SurveyedMember }
  | { readonly kind: "relieved" };

/** Share of the file, in percent, that must be in use for another pass to gain nothing worth the pause. */
const DENSE_PERCENT = 70n;

/**
 * After a compaction: defragment what has holes, one member at a time and only while all others are well, the leader last; then take the alarms
 * off. Told from the members alone, so that an interrupted relief goes on where it was. A corrupt member is never touched.
 */
export function planRelief({ members, alarms }: Seen): ReliefPlan {
  if (alarms.some(({ type }) => type === "CORRUPT")) {
    const message =
      "a member has raised CORRUPT; remove it and add it anew by hand, nothing is compacted before";
    return { kind: "refuse", reason: "CorruptMember", message };
  }
  const ill = members.find(
    ({ member, status }) => status?.leader === undefined || status.memberId !== member.id,
  );
  if (ill !== undefined) {
    const name = ill.member.name === "" ? "that has not started" : ill.member.name;
    const message = `member ${name} is not well; a member serves nothing while it is defragmented, so all others must`;
    return { kind: "refuse", reason: "MemberNotWell", message };
  }
  const voters = votersOf(members);
  const [next] = voters.filter(hasHoles).toSorted((a, b) => Number(isLeader(a)) - Number(isLeader(b)));
  if (next !== undefined) return { kind: "defragment", member: next };
  const [alarm] = alarms.filter(({ type }) => type === "NOSPACE");
  const [via] = voters;
  return alarm === undefined || via === undefined ? { kind: "relieved" } : { kind: "disarm", alarm, via };
}

/** The members that can be asked for more than their status: a learner refuses the rest ("rpc not supported for learner"). */
export function votersOf(members: readonly SurveyedMember[]): SurveyedMember[] {
  return members.filter(({ member }) => !member.isLearner);
}

function hasHoles({ status }: SurveyedMember): boolean {
  return status !== undefined && status.dbInUseBytes * 100n < status.dbSizeBytes * DENSE_PERCENT;
}

function isLeader({ member, status }: SurveyedMember): boolean {
  return status?.leader === member.id;
}
