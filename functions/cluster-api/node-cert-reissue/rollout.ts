import * as z from "zod";
import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import { kubeadmControlPlanes, machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

const providerSchema = z.looseObject({
  spec: z.looseObject({
    rollout: z
      .looseObject({
        after: z.string().optional(),
        before: z.looseObject({ certificatesExpiryDays: z.number().optional() }).optional(),
      })
      .optional(),
  }),
});

/**
 * Has the machine replaced by its control plane provider: one that was made before `spec.rollout.after` is, one at a time, which is the provider's
 * affair (Cluster API, KubeadmControlPlane, "rollout"; what `clusterctl alpha rollout restart` writes). Asked once; a provider that is told to do
 * so by itself some days ahead is not asked before then has passed. Resolves with how things stand, for people.
 *
 * @throws KubeError also for a conflict: somebody else wrote the KubeadmControlPlane.
 */
export async function askForRollout(machine: Seen<Machine>, name: string, deps: Deps): Promise<string> {
  const { namespace, creationTimestamp = "" } = machine.meta;
  const object = await deps.management.get(kubeadmControlPlanes, { namespace, name });
  if (object === undefined)
    return `KubeadmControlPlane ${name} that made the machine is gone; replace the machine`;
  const { rollout } = providerSchema.parse(object).spec;
  const days = rollout?.before?.certificatesExpiryDays;
  if (days !== undefined)
    return `KubeadmControlPlane ${name} replaces the machine by itself ${days} days ahead`;
  if (Date.parse(rollout?.after ?? "") >= Date.parse(creationTimestamp)) {
    return `KubeadmControlPlane ${name} has been asked to replace the machine`;
  }
  const after = deps
    .now()
    .toISOString()
    .replace(/\.\d{3}Z$/, "Z");
  const patch = {
    metadata: { resourceVersion: object.metadata.resourceVersion },
    spec: { rollout: { after } },
  };
  await deps.management.mergePatch(kubeadmControlPlanes, { namespace, name }, patch);
  const message = `KubeadmControlPlane ${name} is asked to replace the machine: its certificates run out`;
  deps.announce({ type: machines, meta: machine.meta }, { type: "Normal", reason: "RolloutAsked", message });
  return `KubeadmControlPlane ${name} has been asked to replace the machine`;
}
