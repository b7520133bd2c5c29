import { infrastructureGroup, pausedAnnotation } from "#api/names.ts";
import type { StoredObject } from "#cli/restore/stored-object.ts";
import { seenAs } from "#functions/harvester/fresh-look.ts";
import { hadVm } from "#functions/harvester/ownership.ts";
import { IDENTITY_ANNOTATION, harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";

/** On what a restore paused and `--unpause` lets go again; what was paused before it stays so. */
export const PAUSED_BY_RESTORE = "capfn.dev/paused-by-restore";
/** A MachineSet deletes Machines with this annotation first (Cluster API, "Labels and Annotations"). */
const DELETE_MACHINE = "cluster.x-k8s.io/delete-machine";

/** Kinds that act without belonging to one Cluster, and so have to be paused themselves. */
const pausedByThemselves = new Set(["ClusterClass", "ClusterResourceSet"]);

/** How the owners of the backup are called here: their new uids by their old ones. */
export type NewUids = ReadonlyMap<string, string>;

/**
 * The object as it is created anew: without what the API server gives, paused, owned by its owners' new uids. An owner that is not here is left out,
 * because the garbage collector would delete the object for it.
 */
export function anew(stored: StoredObject, uids: NewUids): NewObject {
  const { type, object } = stored;
  const { metadata, status: _, ...rest } = object;
  const { name, namespace, labels, finalizers, ownerReferences = [] } = metadata;
  const owners = ownerReferences.flatMap((reference) => {
    const uid = uids.get(reference.uid);
    return uid === undefined ? [] : [{ ...reference, uid }];
  });
  return {
    ...rest,
    ...pausedSpec(stored),
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      // A finalizer of a namespace is in its spec and is the API server's own.
      ...(finalizers !== undefined && type.kind !== "Namespace" && { finalizers }),
      ...(owners.length > 0 && { ownerReferences: owners }),
      annotations: { ...metadata.annotations, ...marks(stored) },
    },
  };
}

/** Whether the object is a Cluster of Cluster API. */
export function isCluster({ group, kind }: ResourceType): boolean {
  return group === "cluster.x-k8s.io" && kind === "Cluster";
}

export function isPaused({ object }: Pick<StoredObject, "object">): boolean {
  const { spec } = object;
  const bySpec = typeof spec === "object" && spec !== null && "paused" in spec && spec.paused === true;
  return bySpec || object.metadata.annotations?.[pausedAnnotation] !== undefined;
}

function pausedSpec({ type, object }: StoredObject): Record<string, unknown> {
  const { spec } = object;
  if (type.kind === "Namespace") return { spec: {} };
  return isCluster(type) && typeof spec === "object" ? { spec: { ...spec, paused: true } } : {};
}

function marks(stored: StoredObject): Record<string, string> {
  const { type, object } = stored;
  const cluster = isCluster(type) && !isPaused(stored);
  const alone = pausedByThemselves.has(type.kind) && !isPaused(stored);
  const identity = identityToKeep(stored);
  return {
    ...((cluster || alone) && { [PAUSED_BY_RESTORE]: "true" }),
    ...(alone && { [pausedAnnotation]: "" }),
    ...(type.kind === "Machine" &&
      object.metadata.deletionTimestamp !== undefined && { [DELETE_MACHINE]: "true" }),
    ...(identity !== undefined && { [IDENTITY_ANNOTATION]: identity }),
  };
}

/**
 * The old uid, where something on Harvester may carry it as the owner's label without the backup saying so: capfn writes it on the object only before
 * its first write outside, which may have come after the backup. A machine whose VM the Go provider made must stay without, because
 * then its disks are found by name.
 */
function identityToKeep({ type, object }: StoredObject): string | undefined {
  const { uid, annotations = {} } = object.metadata;
  if (type.group !== infrastructureGroup || annotations[IDENTITY_ANNOTATION] !== undefined) return undefined;
  if (type.kind === "HarvesterCluster") return uid;
  if (type.kind !== "HarvesterMachine") return undefined;
  if (!harvesterMachineView.schema.safeParse(object).success) return undefined;
  return hadVm(seenAs(harvesterMachineView, object, MANAGEMENT)) ? undefined : uid;
}
