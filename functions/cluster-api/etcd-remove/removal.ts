import { askApiServer } from "#functions/cluster-api/etcd-remove/api-server.ts";
import { withdrawHook } from "#functions/cluster-api/etcd-remove/hook.ts";
import {
  etcdOf,
  lookAtMember,
  type Blind,
  type MemberCase,
} from "#functions/cluster-api/etcd-remove/look.ts";
import type { RemovalPlan } from "#functions/cluster-api/etcd-remove/plan.ts";
import {
  announce,
  reportTrouble,
  unknownForMs,
  type Trouble,
} from "#functions/cluster-api/etcd-remove/report.ts";
import type { EtcdAccess } from "#functions/cluster-api/etcd-access.ts";
import { clientUrl, type OpenEtcd } from "#functions/cluster-api/etcd-survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import { EtcdError } from "#platform/etcd/errors.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Nothing tells us when etcd changes. */
const LOOK_AGAIN_MS = 30_000;
/** After an answer that was lost or a refusal that passes: an election takes a second, a connection counts after five. */
const SOON_MS = 6_000;
/** For so long nothing at all is heard of etcd and the API server before the deletion goes on without it. */
const GIVE_UP_MS = 10 * 60_000;
/** Leadership moved, member removed, absence seen: no attempt needs more looks. */
const MOST_LOOKS = 4;

/**
 * Removes the Machine's member, as often as needed with a fresh survey before each act, and takes the hook off once a survey shows the member
 * absent. Whatever cannot be done safely now is said on the Machine and looked at again.
 */
export async function removeMember(member: MemberCase, deps: Deps): Promise<Outcome> {
  const access = await etcdOf(member, deps);
  if ("kind" in access) return goOnWithout(access, member, deps);
  using way = access;
  return await removeOver(way, member, deps);
}

async function removeOver(access: EtcdAccess, member: MemberCase, deps: Deps): Promise<Outcome> {
  const { own } = member;
  let removed = false;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const plan = await lookAtMember(access, member, "ours");
    switch (plan.kind) {
      case "blind":
        return goOnWithout(plan, member, deps);
      case "noQuorum":
        return refused({ reason: "NoQuorum", message: plan.message }, own, deps);
      case "refuse":
        // What we have just changed is not a reason to alarm anybody: the next leader may still be being elected.
        return looks === 0
          ? refused({ ...plan, message: [plan.message, ...access.faults()].join("; ") }, own, deps)
          : requeueAfter(SOON_MS, `after a change of etcd: ${plan.reason}`);
      case "absent":
      case "last":
        return finished(plan.kind, { removed, own }, deps);
      case "leftBehind":
        return done();
      case "moveLeader":
      case "remove": {
        const fault = await act(plan, access.open, deps);
        if (fault !== undefined) return fault;
        removed ||= plan.kind === "remove";
        announce(own, news(plan), deps);
      }
    }
  }
  return requeueAfter(SOON_MS, "etcd changes while it is looked at");
}

type Act = Extract<RemovalPlan, { kind: "moveLeader" | "remove" }>;

/** One change of etcd; undefined when it was answered with success. What is true after a lost answer, the next survey shows. */
async function act(plan: Act, open: OpenEtcd, deps: Deps): Promise<Outcome | undefined> {
  deps.ensureMayWrite();
  const at = clientUrl(plan.kind === "remove" ? plan.via : plan.from) ?? "";
  try {
    if (plan.kind === "moveLeader") await open(at).moveLeader(plan.to.id);
    else {
      await open(at).removeMember(plan.member.id);
      deps.count("caphv_etcd_member_remove_total");
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    deps.count("caphv_etcd_member_remove_errors_total");
    return requeueAfter(SOON_MS, `etcd: ${plan.kind} ${error.reason}`);
  }
}

function news(plan: Act) {
  return plan.kind === "remove"
    ? ({
        type: "Normal",
        reason: "EtcdMemberRemoved",
        message: `etcd member ${plan.member.name} is removed`,
      } as const)
    : ({
        type: "Normal",
        reason: "EtcdLeaderMoved",
        message: `etcd leadership is moved from ${plan.from.name} to ${plan.to.name}`,
      } as const);
}

async function finished(
  how: "absent" | "last",
  { removed, own }: { removed: boolean; own: Seen<Machine> },
  deps: Deps,
): Promise<Outcome> {
  if (how === "last") {
    const message = "the machine has the last etcd member and no control plane is left; it is not removed";
    announce(own, { type: "Normal", reason: "LastEtcdMember", message }, deps);
  } else if (!removed) {
    const message = "etcd has no member of the machine";
    announce(own, { type: "Normal", reason: "EtcdMemberAbsent", message }, deps);
  }
  await withdrawHook(own, deps);
  return done();
}

async function refused(
  { reason, message }: Omit<Trouble, "status">,
  own: Seen<Machine>,
  deps: Deps,
): Promise<Outcome> {
  await reportTrouble(own, { status: "False", reason, message }, deps);
  return requeueAfter(LOOK_AGAIN_MS, reason);
}

/**
 * Silence proves nothing: while the API server of the cluster answers, or we cannot ask it, its etcd must be taken to live and the member stays. But
 * a control plane that nobody reaches any more must not hold its machines for ever: it goes when this look and an earlier one, both after the limit,
 * found it silent.
 */
async function goOnWithout(
  { reason, message }: Blind,
  { own, connection }: MemberCase,
  deps: Deps,
): Promise<Outcome> {
  deps.count("caphv_etcd_member_remove_errors_total");
  const apiServer = await askApiServer(own, connection, deps);
  if (apiServer.kind === "answers") {
    const alive = `${message}; the API server of the cluster answers, so its etcd lives`;
    return refused({ reason, message: alive }, own, deps);
  }
  if (apiServer.kind === "notAsked") {
    const unasked = `${message}; whether the API server of the cluster answers is not known: ${apiServer.why}`;
    return refused({ reason, message: unasked }, own, deps);
  }
  const overdue = (await unknownForMs(own, deps)) >= GIVE_UP_MS;
  const silent = `${message}; the API server of the cluster does not answer either`;
  const said = overdue ? `${silent}; the machine goes if the next look finds the same` : silent;
  const saidBefore = await reportTrouble(own, { status: "Unknown", reason, message: said }, deps);
  if (!overdue || !saidBefore) return requeueAfter(LOOK_AGAIN_MS, reason);
  announce(
    own,
    {
      type: "Warning",
      reason: "EtcdMemberNotRemoved",
      message: `${silent}; the machine is deleted, and its member may be left in etcd`,
    },
    deps,
  );
  await withdrawHook(own, deps);
  return done();
}
