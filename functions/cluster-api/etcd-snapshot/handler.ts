import { controlPlaneMachines } from "#functions/cluster-api/control-plane-machines.ts";
import { accessEtcd } from "#functions/cluster-api/etcd-access.ts";
import { chooseMember } from "#functions/cluster-api/etcd-snapshot/choose-member.ts";
import { scheduleOf, snapshotNeed } from "#functions/cluster-api/etcd-snapshot/schedule.ts";
import { clientUrl, dialled, surveyEtcd, type OpenEtcd } from "#functions/cluster-api/etcd-survey.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, failed, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { clusterView, snapshotAnnotations, type Cluster } from "#platform/cluster-api/cluster.ts";
import type { SecretPresence } from "#platform/cluster-api/secret.ts";
import { EtcdError } from "#platform/etcd/errors.ts";
import { directoryOf, pruneSnapshots, writeSnapshot } from "#platform/etcd/snapshot-files.ts";
import { clusters } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A Cluster, and the Secret without which there is no way to its etcd. */
export interface ClusterWithAccess {
  readonly accessSecret: Seen<SecretPresence> | undefined;
}

type Event = StepEvent<Cluster, ClusterWithAccess>;

const AGAIN_MS = 5 * 60_000;
/** Longest stream of one snapshot, ms; the attempt's own deadline comes a little later. */
export const SNAPSHOT_MS = 10 * 60_000;

/** Takes one snapshot, verifies it while it comes, keeps it, and clears away the oldest. */
export async function takeSnapshot({ object, related }: Event, deps: Deps): Promise<Outcome> {
  const fresh = await freshLook(deps.management, clusterView, object.meta);
  if (fresh?.meta.uid !== object.meta.uid) return done();
  const need = snapshotNeed(fresh, related.accessSecret);
  if (need === false || (need instanceof Date && need > deps.now())) return done();
  const schedule = scheduleOf(fresh);
  if (schedule === undefined) return done();
  if (typeof schedule === "string") return failed("EtcdSnapshotScheduleInvalid", schedule);
  const { snapshotDirectory } = deps;
  if (snapshotDirectory === undefined) {
    return trouble(
      fresh,
      deps,
      "capfn was started without --etcd-snapshots, so there is no place for snapshots",
    );
  }
  const machines = await controlPlaneMachines(fresh, deps);
  const access = await accessEtcd(deps, fresh, machines);
  if (typeof access === "string") return trouble(fresh, deps, access);
  using way = access;
  const directory = directoryOf(snapshotDirectory, fresh.meta);
  try {
    const kept = await keepOne(way.open, { directory, addresses: machines.flatMap(dialled) }, deps);
    if (kept === undefined) {
      const unfit = ["no etcd member is well enough for a snapshot", ...way.faults()].join("; ");
      return await trouble(fresh, deps, unfit);
    }
    await pruneSnapshots(directory, { keep: schedule.keep, written: kept });
    await noteTaken(fresh, deps);
    deps.count("capfn_etcd_snapshots_total");
    announce(
      fresh,
      { type: "Normal", reason: "EtcdSnapshotTaken", message: `snapshot ${kept} of etcd is kept` },
      deps,
    );
    return done();
  } catch (error) {
    const why = causeOf(error);
    if (why === undefined) throw error;
    return trouble(fresh, deps, why);
  }
}

/** The name of the snapshot that is now kept; undefined when no member is fit for one. */
async function keepOne(
  open: OpenEtcd,
  { directory, addresses }: { directory: string; addresses: readonly string[] },
  deps: Deps,
): Promise<string | undefined> {
  const survey = await surveyEtcd(open, { target: [], others: addresses });
  const chosen = survey.kind === "seen" ? chooseMember(survey) : undefined;
  const url = chosen === undefined ? undefined : clientUrl(chosen.member);
  if (chosen?.status === undefined || url === undefined) return undefined;
  deps.ensureMayWrite();
  const { revision } = chosen.status;
  return writeSnapshot(open(url, SNAPSHOT_MS).snapshot(), { directory, takenAt: deps.now(), revision });
}

/** When the last snapshot was taken is on the Cluster itself, so that a restart or a move to another hub takes none too many. */
async function noteTaken({ meta }: Seen<Cluster>, deps: Deps): Promise<void> {
  const { namespace, name, uid } = meta;
  const taken = deps
    .now()
    .toISOString()
    .replace(/\.\d+Z$/, "Z");
  await deps.management.mergePatch(
    clusters,
    { namespace, name },
    { metadata: { uid, annotations: { [snapshotAnnotations.taken]: taken } } },
  );
}

/** What went wrong, for people; undefined when it is not about etcd or the disk. */
function causeOf(error: unknown): string | undefined {
  if (error instanceof EtcdError) return `etcd did not give a whole snapshot (${error.reason})`;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z]+$/.test(code)
    ? `the snapshot cannot be written (${code})`
    : undefined;
}

async function trouble(cluster: Seen<Cluster>, deps: Deps, message: string): Promise<Outcome> {
  deps.count("capfn_etcd_snapshot_errors_total");
  announce(cluster, { type: "Warning", reason: "EtcdSnapshotFailed", message }, deps);
  return Promise.resolve(requeueAfter(AGAIN_MS, message));
}

function announce({ meta }: Seen<Cluster>, event: Parameters<Deps["announce"]>[1], deps: Deps): void {
  deps.announce({ type: clusters, meta }, event);
}
