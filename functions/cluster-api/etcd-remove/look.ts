import { accessEtcd, type EtcdAccess } from "#functions/cluster-api/etcd-access.ts";
import { memberIdentity } from "#functions/cluster-api/etcd-remove/identity.ts";
import { planRemoval, type RemovalPlan, type RemovalView } from "#functions/cluster-api/etcd-remove/plan.ts";
import { dialled, surveyEtcd } from "#functions/cluster-api/etcd-survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Cluster, Machine } from "#platform/cluster-api/cluster.ts";
import type { ConnectionState } from "#platform/cluster-api/connection-state.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A Machine of a control plane and what its member's end rests on, as quorum reads have it. */
export interface MemberCase {
  readonly own: Seen<Machine>;
  readonly cluster: Seen<Cluster>;
  /** All Machines of the control plane, this one too. */
  readonly controlPlane: readonly Seen<Machine>[];
  /** The hub's connection to the API server of the cluster; undefined when there is none. */
  readonly connection: Seen<ConnectionState> | undefined;
}

/** No look at etcd can be had: nothing is known of the member. */
export interface Blind {
  readonly kind: "blind";
  readonly reason: "EtcdUnreachable" | "EtcdCredentialsMissing";
  readonly message: string;
}

/** Members answer, but no quorum of them. */
export interface NoQuorum {
  readonly kind: "noQuorum";
  readonly message: string;
}

/** The way to the Machine's etcd, or why there is none. */
export async function etcdOf({ cluster, controlPlane }: MemberCase, deps: Deps): Promise<EtcdAccess | Blind> {
  const access = await accessEtcd(deps, cluster, controlPlane);
  return typeof access === "string"
    ? { kind: "blind", reason: "EtcdCredentialsMissing", message: access }
    : access;
}

/** Surveys etcd and decides the next step for the Machine's member. */
export async function lookAtMember(
  access: EtcdAccess,
  { own, controlPlane }: MemberCase,
  removal: RemovalView["removal"],
): Promise<RemovalPlan | Blind | NoQuorum> {
  const others = controlPlane.filter(({ meta }) => meta.uid !== own.meta.uid);
  const survey = await surveyEtcd(access.open, { target: dialled(own), others: others.flatMap(dialled) });
  if (survey.kind === "silent") {
    const silent = "no etcd member of the control plane answers on port 2379 of its machine";
    const message = [silent, ...access.faults()].join("; ");
    return { kind: "blind", reason: "EtcdUnreachable", message };
  }
  if (survey.kind === "noQuorum") {
    const lost = "members of etcd answer, but have no quorum; bring voters back first";
    return { kind: "noQuorum", message: [lost, ...access.faults()].join("; ") };
  }
  const goes = ({ meta }: Seen<Machine>): boolean => meta.deletionTimestamp !== undefined;
  return planRemoval({
    target: memberIdentity(own),
    staying: others.filter((other) => !goes(other)).map(memberIdentity),
    going: others.filter(goes).map(memberIdentity),
    removal,
    members: survey.members,
    alarms: survey.alarms,
  });
}
