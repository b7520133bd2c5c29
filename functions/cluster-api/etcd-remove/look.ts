import { openEtcd } from "#functions/cluster-api/etcd-credentials.ts";
import { memberIdentity } from "#functions/cluster-api/etcd-remove/identity.ts";
import { planRemoval, type RemovalPlan, type RemovalView } from "#functions/cluster-api/etcd-remove/plan.ts";
import { dialled, surveyEtcd, type OpenEtcd } from "#functions/cluster-api/etcd-survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

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

/** Clients of the Machine's etcd, or why there are none. */
export async function etcdOf(own: Seen<Machine>, deps: Deps): Promise<OpenEtcd | Blind> {
  const { namespace } = own.meta;
  const open = await openEtcd(deps, { namespace, clusterName: own.spec.clusterName });
  return typeof open === "string" ? { kind: "blind", reason: "EtcdCredentialsMissing", message: open } : open;
}

/** Surveys etcd and decides the next step for the Machine's member. */
export async function lookAtMember(
  open: OpenEtcd,
  own: Seen<Machine>,
  controlPlane: readonly Seen<Machine>[],
  removal: RemovalView["removal"],
): Promise<RemovalPlan | Blind | NoQuorum> {
  const others = controlPlane.filter(({ meta }) => meta.uid !== own.meta.uid);
  const survey = await surveyEtcd(open, { target: dialled(own), others: others.flatMap(dialled) });
  if (survey.kind === "silent") {
    const message = "no etcd member of the control plane answers on port 2379 of its machine";
    return { kind: "blind", reason: "EtcdUnreachable", message };
  }
  if (survey.kind === "noQuorum") {
    const message = "members of etcd answer, but have no quorum; bring voters back first";
    return { kind: "noQuorum", message };
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
