import { etcdOf, lookAtMember, type MemberCase } from "#functions/cluster-api/etcd-remove/look.ts";
import { announce, reportTrouble } from "#functions/cluster-api/etcd-remove/report.ts";
import { describeMember } from "#functions/cluster-api/etcd-remove/member-match.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";

/**
 * Sees whether the control plane provider has removed the member of a Machine it has let go. It only tells: the deletion is past the point
 * where it could be held, and the member is the provider's.
 */
export async function verifyRemoval(member: MemberCase, deps: Deps): Promise<Outcome> {
  const { own } = member;
  const found = await lookFor(member, deps);
  if (found.kind === "absent") {
    const message = "the control plane provider has removed the machine's etcd member";
    announce(own, { type: "Normal", reason: "EtcdMemberAbsent", message }, deps);
    return done();
  }
  deps.count("caphv_etcd_member_remove_errors_total");
  if (found.kind === "leftBehind") {
    const message = `${describeMember(found.member)} of etcd is still there after the control plane provider let the machine go`;
    await reportTrouble(own, { status: "False", reason: "EtcdMemberLeft", message }, deps);
    return done();
  }
  const message = "message" in found ? found.message : "nothing is known of the machine's etcd member";
  const reason = "reason" in found ? found.reason : "NoQuorum";
  await reportTrouble(own, { status: "Unknown", reason, message }, deps);
  return done();
}

async function lookFor(member: MemberCase, deps: Deps) {
  const access = await etcdOf(member, deps);
  if ("kind" in access) return access;
  using way = access;
  return await lookAtMember(way, member, "theirs");
}
