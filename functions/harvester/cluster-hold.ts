import { clusterFinalizer, legacyClusterFinalizer } from "#api/names.ts";
import { clusterConditions } from "#api/condition-names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { freshLook } from "#functions/harvester/fresh-look.ts";
import { isIdle } from "#functions/harvester/owner-cluster.ts";
import type { Cluster } from "#platform/cluster-api/cluster.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { harvesterClusterView, type HarvesterClusterBody } from "#platform/cluster-api/harvester-cluster.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { harvesterClusters } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

type Own = Seen<HarvesterClusterBody>;

const ours: readonly string[] = [clusterFinalizer, legacyClusterFinalizer];

/** Metadata of a merge patch. */
export interface Hold {
  /** Whole, because a merge patch replaces a list. */
  readonly finalizers?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * What the object lacks before anything may be made for it on Harvester: our finalizer, in place of the one of early releases of the Go provider,
 * and the annotation with its identity. Undefined when all is there.
 */
export function missingHold({ meta, metadata }: Own): Hold | undefined {
  const { finalizers } = metadata;
  const held = finalizers.includes(clusterFinalizer) && !finalizers.includes(legacyClusterFinalizer);
  const known = metadata.annotations[IDENTITY_ANNOTATION] !== undefined;
  if (held && known) return undefined;
  return {
    ...(!held && {
      finalizers: [...finalizers.filter((name) => !ours.includes(name)), clusterFinalizer],
    }),
    ...(!known && { annotations: { [IDENTITY_ANNOTATION]: meta.uid } }),
  };
}

/** Whether a finalizer of ours, current or legacy, keeps the object. */
export function isHeld({ metadata }: Own): boolean {
  return metadata.finalizers.some((name) => ours.includes(name));
}

/**
 * Takes our finalizers off; others stay. Only after everything made for the cluster was seen gone, or was given up. After a conflict it looks once
 * more by itself.
 *
 * @throws KubeError `conflict` when the object changed twice. One that is gone is success.
 */
export async function letGo(deps: Pick<Deps, "management">, own: Own): Promise<void> {
  try {
    await takeOff(deps, own);
  } catch (error) {
    if (isKubeError(error, "notFound")) return;
    if (!isKubeError(error, "conflict")) throw error;
    const fresh = await freshLook(deps.management, harvesterClusterView, own.meta);
    if (fresh === undefined || fresh.meta.uid !== own.meta.uid) return;
    await takeOff(deps, fresh);
  }
}

async function takeOff({ management }: Pick<Deps, "management">, own: Own): Promise<void> {
  if (!isHeld(own)) return;
  const { namespace, name, resourceVersion } = own.meta;
  const finalizers = own.metadata.finalizers.filter((each) => !ours.includes(each));
  await management.mergePatch(
    harvesterClusters,
    { namespace, name },
    { metadata: { resourceVersion, finalizers } },
  );
}

/**
 * Whether something may be made for the cluster on Harvester: it is looked after, our finalizer is on, and the target namespace is there, as
 * `cluster-connect` has found.
 */
export function mayProvide(own: Own, cluster: Seen<Cluster> | undefined): boolean {
  const namespace = findCondition(own.status.conditions, clusterConditions.TargetNamespaceReady);
  return !isIdle(own, cluster) && isHeld(own) && namespace?.status === "True";
}
