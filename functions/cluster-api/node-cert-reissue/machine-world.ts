import { controlPlaneLabel } from "#api/names.ts";
import { nextLook } from "#functions/cluster-api/certificate-look.ts";
import type { Need, View } from "#functions/contract/function.ts";
import { relations } from "#functions/contract/relations.ts";
import {
  clusterView,
  MAINTENANCE_ANNOTATION,
  machineView,
  NODE_CERTIFICATES_ANNOTATION,
  type Cluster,
  type Machine,
} from "#platform/cluster-api/cluster.ts";
import { readNodeCertificates, type NodeCertificates } from "#platform/cluster-api/node-certificates.ts";
import { MANAGEMENT, type Seen } from "#platform/kube/view.ts";

/** What decides whether the certificates of a machine are looked at. */
export interface MachineWorld {
  readonly cluster: Seen<Cluster> | undefined;
}

export type MachineCertificatesView = View<Machine, MachineWorld>;

export const machineWorld = relations(machineView).one("cluster", clusterView, ({ meta, spec }) => ({
  connection: MANAGEMENT,
  namespace: meta.namespace,
  name: spec.clusterName,
}));

/** A new machine's certificates are new: there is no hurry while it comes into being. */
const FIRST_LOOK_MS = 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** Nothing is looked at nor done for a machine that is not ours, worked on, paused, or on its way out. */
export function isLeftAlone({ object, related: { cluster } }: MachineCertificatesView): boolean {
  const { annotations } = object.metadata;
  return (
    cluster === undefined ||
    object.spec.infrastructureRef?.kind !== "HarvesterMachine" ||
    object.status.addresses.length === 0 ||
    object.meta.deletionTimestamp !== undefined ||
    cluster.meta.deletionTimestamp !== undefined ||
    cluster.spec.paused === true ||
    annotations["cluster.x-k8s.io/paused"] !== undefined ||
    [annotations, cluster.metadata.annotations].some(
      (each) =>
        each[MAINTENANCE_ANNOTATION] !== undefined ||
        each["clusterctl.cluster.x-k8s.io/delete-for-move"] !== undefined,
    )
  );
}

export function recordOf({ metadata }: Pick<Machine, "metadata">): NodeCertificates | undefined {
  return readNodeCertificates(metadata.annotations[NODE_CERTIFICATES_ANNOTATION]);
}

export function isControlPlane({ metadata }: Pick<Machine, "metadata">): boolean {
  return controlPlaneLabel in metadata.labels;
}

/** At two thirds of the life that ends first, and from then on every day; every day too while nobody answers. */
export function needsLook(view: MachineCertificatesView): Need {
  if (isLeftAlone(view)) return false;
  const { meta, metadata } = view.object;
  const lookAt = metadata.annotations["capfn.dev/look-at"];
  const record = recordOf(view.object);
  if (record === undefined) {
    return lookAt !== undefined || new Date(Date.parse(meta.creationTimestamp ?? "") + FIRST_LOOK_MS);
  }
  if (record.lookAt !== lookAt || record.renewal !== undefined) return true;
  const shown = Object.values(record.shown);
  return nextLook(shown, record.checked) ?? new Date(Date.parse(record.checked) + DAY_MS);
}
