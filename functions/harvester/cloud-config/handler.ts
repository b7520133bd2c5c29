import { clusterConditions, clusterReasons } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { NameTaken } from "#functions/harvester/cloud-config/accounts.ts";
import { confirmed, overtaken } from "#functions/harvester/cloud-config/confirm.ts";
import { inject, NotYet } from "#functions/harvester/cloud-config/inject.ts";
import { planOf, provided, wantedOf, type Wanted } from "#functions/harvester/cloud-config/plan.ts";
import type { CloudConfigWorld } from "#functions/harvester/cloud-config/world.ts";
import { removeCredentials, withdrawFromConfigMap } from "#functions/harvester/cloud-credentials.ts";
import { reportOnCluster, type Verdict } from "#functions/harvester/cluster-report.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { readCloudMark, type CloudMark } from "#platform/cluster-api/cloud-config-record.ts";
import {
  CLOUD_CONFIG_ANNOTATION,
  harvesterClusterView,
  type HarvesterClusterBody,
} from "#platform/cluster-api/harvester-cluster.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { ManifestError } from "#platform/kube/manifest-secret.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

type Event = StepEvent<HarvesterClusterBody, CloudConfigWorld>;
type Own = Seen<HarvesterClusterBody>;

/** Nothing tells that a right was granted. */
const ASK_AGAIN_MS = 10 * 60_000;
/** Somebody's finalizer holds what was deleted. */
const HELD_MS = 5_000;

/** Puts credentials into the ConfigMap when they are missing, not right any more or due; takes them back when they are no longer asked for. */
export async function provideCloudConfig(event: Event, deps: Deps): Promise<Outcome> {
  const { step, verdict, due } = planOf(event);
  if (verdict === undefined) return done();
  const renew = due !== undefined && deps.now() >= due;
  const wanted = wantedOf(event);
  if (step === "takeBack") return takeBack(event, deps, verdict);
  if (wanted === undefined || (step === "none" && !renew)) {
    await report(event.object, deps, verdict);
    return done();
  }
  const { own, stop } = await mark(event, deps, wanted);
  if (own === undefined) return stop;
  try {
    const isNew = await inject(event, deps, { wanted, renew });
    if (isNew) {
      const message = `credentials for Harvester's cloud provider were put into ConfigMap ${wanted.namespace}/${wanted.name}`;
      deps.announce(
        { type: harvesterClusters, meta: own.meta },
        { type: "Normal", reason: "CloudCredentialsIssued", message },
      );
    }
  } catch (error) {
    const problem = problemOf(error, wanted);
    if (problem === undefined) throw error;
    await report(own, deps, { status: "False", ...problem });
    return requeueAfter(ASK_AGAIN_MS, problem.message);
  }
  await report(own, deps, provided);
  return done();
}

type Marked =
  | { readonly own: Own; readonly stop?: undefined }
  | { readonly own?: undefined; readonly stop: Outcome };

/**
 * Notes on the object that credentials may exist, and where, before the first of them is made: by this they are found when the cluster goes. What is in
 * a ConfigMap that the spec named before is taken out first; where that cannot be, the step stops.
 */
async function mark(event: Event, deps: Deps, { namespace, name }: Wanted): Promise<Marked> {
  const { object } = event;
  const known = readCloudMark(object);
  const isNoted = object.metadata.annotations[CLOUD_CONFIG_ANNOTATION] !== undefined;
  const isHere = known?.namespace === namespace && known.name === name;
  if (isNoted && isHere) return { own: object };
  if (known !== undefined && !isHere) {
    if ((await confirmed(event, deps)) === undefined) return { stop: overtaken(event) };
    try {
      await withdrawFromConfigMap(deps, object, known);
    } catch (error) {
      return { stop: await tellForbidden(error, deps, { own: object, known }) };
    }
  }
  const text = JSON.stringify({ namespace, name, ...(known?.former === true && { former: true }) });
  return { own: await annotate(object, deps, text) };
}

async function annotate(object: Own, { management }: Deps, text: string | null): Promise<Own> {
  const { namespace, name, resourceVersion } = object.meta;
  const { metadata } = await management.mergePatch(
    harvesterClusters,
    { namespace, name },
    { metadata: { resourceVersion, annotations: { [CLOUD_CONFIG_ANNOTATION]: text } } },
  );
  return { ...object, meta: { ...object.meta, resourceVersion: metadata.resourceVersion } };
}

async function takeBack(event: Event, deps: Deps, verdict: Verdict): Promise<Outcome> {
  const { object } = (await confirmed(event, deps)) ?? {};
  const known = object === undefined ? undefined : readCloudMark(object);
  if (object === undefined || known === undefined) return overtaken(event);
  try {
    await withdrawFromConfigMap(deps, object, known);
    if (!(await removeCredentials(deps, object, known)))
      return requeueAfter(HELD_MS, "credentials are being deleted on Harvester");
  } catch (error) {
    return tellForbidden(error, deps, { own: object, known });
  }
  // Before the note goes: without it a condition that tells of credentials would speak for those of the Go provider.
  await report(object, deps, verdict);
  const last = await freshLook(deps.management, harvesterClusterView, object.meta);
  if (last?.meta.uid === object.meta.uid) await annotate(last, deps, null);
  return done();
}

/** Says which right is missing for taking credentials back; all other errors are thrown on. */
async function tellForbidden(
  error: unknown,
  deps: Deps,
  { own, known: { namespace, name } }: { readonly own: Own; readonly known: CloudMark },
): Promise<Outcome> {
  if (!isKubeError(error, "forbidden")) throw error;
  const message =
    error.dependency === MANAGEMENT
      ? `capfn may not take the credentials out of ConfigMap ${namespace}/${name}; grant the right`
      : "the identity may not delete the credentials of the cloud provider on Harvester; grant the right";
  const reason = clusterReasons.CloudProviderConfigGenerationFailed;
  await report(own, deps, { status: "False", reason, message });
  return requeueAfter(ASK_AGAIN_MS, message);
}

/** What a person can mend, in words without anything of the answer; undefined for what mends itself. */
function problemOf(
  error: unknown,
  { namespace, name, key }: Wanted,
): Pick<Verdict, "reason" | "message"> | undefined {
  const which = `ConfigMap ${namespace}/${name}`;
  const failure = (message: string) => ({
    reason: clusterReasons.CloudProviderConfigGenerationFailed,
    message,
  });
  if (error instanceof NotYet)
    return { reason: clusterReasons.CloudProviderConfigNotReady, message: error.message };
  if (error instanceof NameTaken)
    return failure(`${error.message} exists on Harvester and is not this cluster's; delete it`);
  if (error instanceof ManifestError)
    return failure(`${which}, key ${key}: ${error.message}; correct the manifests`);
  if (!isKubeError(error, "forbidden", "invalid")) return undefined;
  const isOurs = error.dependency === MANAGEMENT;
  if (isKubeError(error, "invalid"))
    return failure(
      isOurs
        ? `${which} cannot take the credentials: it would be too large, or is malformed`
        : "Harvester refuses what is made for its cloud provider; check spec.targetNamespace",
    );
  return failure(
    isOurs
      ? `capfn may not write ${which}; grant the right`
      : "the identity has not the rights to make credentials for the cloud provider on Harvester; grant them",
  );
}

function report(own: Own, deps: Deps, verdict: Verdict): Promise<void> {
  return reportOnCluster(own, deps, [{ type: clusterConditions.CloudProviderConfigReady, ...verdict }]);
}
