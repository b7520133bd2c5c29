import type { TakenStep } from "#api/remediation.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import { askOwner } from "#functions/cluster-api/node-remediate/owner-request.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { controlPlaneProvider } from "#platform/cluster-api/cluster.ts";
import { machines, pods, virtualMachineInstances } from "#platform/kube/resources.ts";

/**
 * The least that still leaves the Pod until its kubelet has seen its containers end. With 0 the API server removes the Pod without that word
 * (Kubernetes documentation, "Forced Pod termination"), and KubeVirt may start a second instance on the same disks beside the first.
 */
const SHORTEST_GRACE_SECONDS = 1;

/** Label of KubeVirt on the Pod a guest runs in: uid of its instance. */
const CREATED_BY_LABEL = "kubevirt.io/created-by";

/**
 * Does what the step is for, on the object of its uid and on none other; doing it again changes nothing. A reboot deletes the VM's instance,
 * whose guest is asked to shut down; KubeVirt makes a new one. A power cycle ends the Pod under the guest, which is not waited for. A Machine is
 * deleted, but for one of a control plane provider, which is asked to do it.
 */
export async function takeEffect(view: RemediationView, step: TakenStep, deps: Deps): Promise<void> {
  const { machine, vmi } = view.related;
  const uid = step.uid ?? "";
  switch (step.name) {
    case "Recreate":
      if (machine === undefined) return;
      if (controlPlaneProvider(machine) === undefined)
        await deps.management.delete(machines, nameOf(machine), { uid });
      else await askOwner(machine, deps);
      return;
    case "Reboot":
      if (vmi === undefined) return;
      await (await harvesterOf(view, deps)).delete(virtualMachineInstances, nameOf(vmi), { uid });
      return;
    case "PowerCycle":
      if (vmi === undefined) return;
      await (
        await harvesterOf(view, deps)
      ).deleteCollection(pods, {
        namespace: vmi.meta.namespace ?? "",
        labels: { [CREATED_BY_LABEL]: uid },
        gracePeriodSeconds: SHORTEST_GRACE_SECONDS,
      });
      return;
    case "Escalate":
      return;
  }
}

function nameOf({
  meta,
}: {
  readonly meta: { readonly namespace?: string | undefined; readonly name: string };
}) {
  return { namespace: meta.namespace, name: meta.name };
}

async function harvesterOf({ related }: RemediationView, deps: Deps): Promise<StepClient> {
  const identity = related.harvesterCluster?.spec.identitySecret;
  if (identity === undefined)
    throw new Error("the Cluster names no HarvesterCluster; set spec.infrastructureRef");
  return deps.harvester(identity);
}
