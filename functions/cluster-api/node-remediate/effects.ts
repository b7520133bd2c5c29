import type { TakenStep } from "#api/remediation.ts";
import type { Deps, StepClient } from "#functions/contract/deps.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { machines, pods, virtualMachineInstances } from "#platform/kube/resources.ts";

/** Label of KubeVirt on the Pod a guest runs in: uid of its instance. */
const CREATED_BY_LABEL = "kubevirt.io/created-by";

/**
 * Does what the step is for, on the object of its uid and on none other; doing it again changes nothing. A reboot deletes the VM's instance,
 * whose guest is asked to shut down; KubeVirt makes a new one. A power cycle takes the Pod away from under the guest, as
 * `virtctl restart --force` does.
 */
export async function takeEffect(view: RemediationView, step: TakenStep, deps: Deps): Promise<void> {
  const { machine, vmi } = view.related;
  const uid = step.uid ?? "";
  switch (step.name) {
    case "Recreate":
      if (machine === undefined) return;
      await deps.management.delete(machines, nameOf(machine), { uid });
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
        gracePeriodSeconds: 0,
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
