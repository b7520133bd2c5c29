import { quantityToBytes } from "#api/quantity.ts";
import type { View } from "#functions/contract/function.ts";
import type { Cluster } from "#platform/cluster-api/cluster.ts";
import type { HarvesterMachineTemplateBody } from "#platform/cluster-api/harvester-machine-template.ts";
import type { Seen } from "#platform/kube/view.ts";

export interface TemplateScope {
  /** The Cluster that owns the template; a template of a ClusterClass has none. */
  readonly cluster: Seen<Cluster> | undefined;
}

export type TemplateCapacityView = View<HarvesterMachineTemplateBody, TemplateScope>;

/** The part of the status that is ours. */
export interface Capacity {
  /** `null`: not known, because the template holds a placeholder. */
  readonly capacity: { readonly cpu: string | null; readonly memory: string | null };
  readonly nodeInfo: { readonly architecture: string; readonly operatingSystem: "linux" };
}

const architectures: readonly (string | undefined)[] = ["amd64", "arm64", "s390x", "ppc64le"];

/** What a node made from the template will have (Cluster API contract, InfraMachineTemplate: autoscaling from zero). Pure. */
export function capacityOf({ object }: TemplateCapacityView): Capacity {
  const { metadata, spec } = object.spec.template;
  const { cpu = 0, memory = "" } = spec;
  const bytes = quantityToBytes(memory);
  const said = metadata.labels["kubernetes.io/arch"] ?? object.metadata.labels["kubernetes.io/arch"];
  return {
    capacity: {
      cpu: cpu > 0 ? String(cpu) : null,
      memory: bytes !== undefined && bytes > 0n ? memory : null,
    },
    // As the autoscaler itself assumes when nothing is said.
    nodeInfo: {
      architecture: said !== undefined && architectures.includes(said) ? said : "amd64",
      operatingSystem: "linux",
    },
  };
}

/** Whether the status says so already; what others have written beside it does not matter. */
export function isCapacityShown({ object: { status } }: TemplateCapacityView, wanted: Capacity): boolean {
  const { capacity = {}, nodeInfo } = status;
  return (
    (capacity["cpu"] ?? null) === wanted.capacity.cpu &&
    (capacity["memory"] ?? null) === wanted.capacity.memory &&
    nodeInfo?.architecture === wanted.nodeInfo.architecture &&
    nodeInfo.operatingSystem === wanted.nodeInfo.operatingSystem
  );
}

/** Nothing is written while the template goes, or it or its Cluster is paused (Cluster API contract, pausing). */
export function isAsleep({ object, related }: TemplateCapacityView): boolean {
  return (
    object.meta.deletionTimestamp !== undefined ||
    object.metadata.annotations["cluster.x-k8s.io/paused"] !== undefined ||
    related.cluster?.spec.paused === true
  );
}
