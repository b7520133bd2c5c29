import { etcdCredentials } from "#functions/cluster-api/etcd-remove/credentials.ts";
import { dialled, memberIdentity } from "#functions/cluster-api/etcd-remove/identity.ts";
import { planRemoval, type RemovalPlan, type RemovalView } from "#functions/cluster-api/etcd-remove/plan.ts";
import { surveyEtcd, type OpenEtcd } from "#functions/cluster-api/etcd-remove/survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import { createEtcdClient } from "#platform/etcd/client.ts";
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

/** Longest wait for one answer of one member, ms. */
const CALL_MS = 5_000;

/** Opens clients of etcd members with a certificate made for this attempt; text for people when there can be none. */
export async function openEtcd(own: Seen<Machine>, deps: Deps): Promise<OpenEtcd | Blind> {
  const credentials = await etcdCredentials(deps, own);
  if (typeof credentials === "string") {
    return { kind: "blind", reason: "EtcdCredentialsMissing", message: credentials };
  }
  return (url) => createEtcdClient({ url, credentials, timeoutMs: CALL_MS, signal: deps.signal });
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
