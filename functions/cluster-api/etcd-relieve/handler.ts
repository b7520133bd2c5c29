import { deleteForMoveAnnotation, pausedAnnotation } from "#api/names.ts";
import { controlPlaneMachines } from "#functions/cluster-api/control-plane-machines.ts";
import { accessEtcd } from "#functions/cluster-api/etcd-access.ts";
import { planRelief, votersOf, type ReliefPlan } from "#functions/cluster-api/etcd-relieve/plan.ts";
import {
  clientUrl,
  dialled,
  surveyEtcd,
  type OpenEtcd,
  type SurveyedMember,
} from "#functions/cluster-api/etcd-survey.ts";
import type { Announcement, Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { clusterView, RELIEVE_ANNOTATION, type Cluster } from "#platform/cluster-api/cluster.ts";
import type { EtcdClient } from "#platform/etcd/client.ts";
import { EtcdError, grpcCodes } from "#platform/etcd/errors.ts";
import { clusters } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Event = StepEvent<Cluster, object>;

const AGAIN_MS = 30_000;
/** Longest pause of one member, ms; a database of eight gigabytes takes about a minute. */
const DEFRAGMENT_MS = 3 * 60_000;
/** Defragmentation and disarming of seven members. */
const MOST_ACTS = 16;

/** Whether somebody has asked for relief, and nothing forbids it. */
export function wantsRelief({ metadata: { annotations }, spec, meta }: Seen<Cluster>): boolean {
  return (
    annotations[RELIEVE_ANNOTATION] !== undefined &&
    spec.paused !== true &&
    meta.deletionTimestamp === undefined &&
    ![pausedAnnotation, deleteForMoveAnnotation].some((name) => name in annotations)
  );
}

/** Drops old history, gives its space back member by member, takes the alarm off, and then the annotation that asked for it. */
export async function relieveEtcd({ object }: Event, deps: Deps): Promise<Outcome> {
  const fresh = await freshLook(deps.management, clusterView, object.meta);
  if (fresh?.meta.uid !== object.meta.uid || !wantsRelief(fresh)) return done();
  const machines = await controlPlaneMachines(fresh, deps);
  const access = await accessEtcd(deps, fresh, machines);
  if (typeof access === "string") return held(fresh, deps, access);
  using way = access;
  const { open } = way;
  const addresses = machines.flatMap(dialled);
  try {
    for (let acts = 0; acts < MOST_ACTS; acts += 1) {
      const survey = await surveyEtcd(open, { target: [], others: addresses });
      if (survey.kind !== "seen") {
        return held(fresh, deps, ["no quorum of etcd answers", ...way.faults()].join("; "));
      }
      const plan = planRelief(survey);
      if (plan.kind === "refuse") return held(fresh, deps, plan.message);
      if (acts > 0 && plan.kind === "relieved") return await relieved(fresh, deps);
      deps.ensureMayWrite();
      // What there is to give back shows only after the compaction.
      if (acts === 0) await compact(open, survey.members);
      else await act(open, plan);
    }
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return held(fresh, deps, `a member did not do what it was asked (${error.reason})`);
  }
  return requeueAfter(AGAIN_MS, "etcd fills up again while it is relieved");
}

/**
 * Drops all history before now, and waits until every voter has. A physical compaction is waited for by the member that was asked alone; a member
 * that is defragmented before its own is done keeps the size of its file. So each is asked in turn, for one revision more than the one before.
 */
async function compact(open: OpenEtcd, members: readonly SurveyedMember[]): Promise<void> {
  const voters = votersOf(members);
  const newest = voters.reduce((max, { status }) => {
    const revision = BigInt(status?.revision ?? "0");
    return revision > max ? revision : max;
  }, 0n);
  let revision = newest - BigInt(voters.length);
  for (const voter of voters) {
    revision += 1n;
    if (revision > 0n) await compactOn(open(urlOf(voter), DEFRAGMENT_MS), revision);
  }
}

/** That it has been dropped already is as good. */
async function compactOn(client: EtcdClient, revision: bigint): Promise<void> {
  try {
    await client.compact(String(revision));
  } catch (error) {
    if (!(error instanceof EtcdError && error.code === grpcCodes.outOfRange)) throw error;
  }
}

async function act(open: OpenEtcd, plan: ReliefPlan): Promise<void> {
  if (plan.kind === "defragment") await open(urlOf(plan.member), DEFRAGMENT_MS).defragment();
  else if (plan.kind === "disarm") await open(urlOf(plan.via)).disarm(plan.alarm);
}

function urlOf(surveyed: SurveyedMember | undefined): string {
  return (surveyed === undefined ? undefined : clientUrl(surveyed.member)) ?? "";
}

async function relieved(cluster: Seen<Cluster>, deps: Deps): Promise<Outcome> {
  const { namespace, name, uid } = cluster.meta;
  await deps.management.mergePatch(
    clusters,
    { namespace, name },
    { metadata: { uid, annotations: { [RELIEVE_ANNOTATION]: null } } },
  );
  announce(cluster, { type: "Normal", reason: "EtcdRelieved", message: "etcd has room again" }, deps);
  return done();
}

/** Said to people, and looked at again. */
function held(cluster: Seen<Cluster>, deps: Deps, message: string): Outcome {
  announce(cluster, { type: "Warning", reason: "EtcdReliefHeld", message }, deps);
  return requeueAfter(AGAIN_MS, message);
}

function announce({ meta }: Seen<Cluster>, event: Announcement, deps: Deps): void {
  deps.announce({ type: clusters, meta }, event);
}
