import { machineReasons, remediationReasons } from "#api/condition-names.ts";
import type { RemediationStepName } from "#api/remediation.ts";
import { controlPlaneLabel } from "#api/names.ts";
import type { RemediationView } from "#functions/cluster-api/node-remediate/world.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import { controlPlaneProvider, HEALTH_CONDITION, type Machine } from "#platform/cluster-api/cluster.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Whether a step can be taken, and on which object. */
export type Means =
  | { readonly kind: "possible"; readonly uid: string }
  /** It never can, as things are; the reason is one CamelCase word. */
  | { readonly kind: "impossible"; readonly reason: string; readonly message: string }
  /** That cannot be told now; the reason is that of a condition. */
  | { readonly kind: "unknown"; readonly reason: string; readonly message: string };

/** What a step would act on. The object is chosen by its owner, and named by its uid from then on. */
export function meansOf(step: Exclude<RemediationStepName, "Escalate">, view: RemediationView): Means {
  return step === "Recreate" ? meansOfRecreation(view) : meansOfRestart(view);
}

function meansOfRestart({ related, unknown }: RemediationView): Means {
  const { infrastructure, vm, vmi } = related;
  if (infrastructure === undefined)
    return impossible("NotOnHarvester", "the Machine's infrastructure is no HarvesterMachine");
  if (unknown.includes("vm") || unknown.includes("vmi"))
    return {
      kind: "unknown",
      reason: machineReasons.HarvesterUnreachable,
      message: "it is not known what runs on Harvester",
    };
  if (vm === undefined || !isOurs(vm, infrastructure))
    return impossible("NoVM", `VM ${infrastructure.meta.name} does not exist, or is not the machine's`);
  // With any other strategy KubeVirt would not start the VM again (KubeVirt documentation, "Run Strategies").
  if (vm.spec.runStrategy !== "Always" && vm.spec.running !== true)
    return impossible(
      "NotRestarted",
      "the VM's runStrategy is not Always, so KubeVirt would not start it again",
    );
  if (vmi === undefined) return impossible("NoInstance", "the VM has no instance; KubeVirt is starting one");
  return { kind: "possible", uid: vmi.meta.uid };
}

function meansOfRecreation({ object, related }: RemediationView): Means {
  const { machine, machines } = related;
  if (machine === undefined) return impossible("NoMachine", "the Machine does not exist");
  const isOwned = machine.metadata.ownerReferences.some(({ controller }) => controller === true);
  if (!isOwned && object.spec.recreateUnowned !== true)
    return impossible(
      "NoOwner",
      "nothing owns the Machine, so nothing would make another; see spec.recreateUnowned",
    );
  const isControlPlane = (labels: Readonly<Record<string, string>>) =>
    labels[controlPlaneLabel] !== undefined;
  const controlPlane = machines.filter(({ metadata }) => isControlPlane(metadata.labels));
  if (isControlPlane(machine.metadata.labels) && controlPlane.length < 2)
    return impossible(
      "LastControlPlane",
      "the Machine is the only one of its control plane: etcd's data is on it",
    );
  return meansOfItsOwner(machine) ?? { kind: "possible", uid: machine.meta.uid };
}

/** A control plane provider replaces a Machine only when a MachineHealthCheck has found it unhealthy, whoever asks. */
function meansOfItsOwner(machine: Seen<Machine>): Means | undefined {
  const provider = controlPlaneProvider(machine);
  if (provider === undefined) return undefined;
  const check = machine.status.conditions.find(({ type }) => type === HEALTH_CONDITION);
  if (check === undefined)
    return impossible(
      "NoHealthCheck",
      `${provider} replaces only Machines that a MachineHealthCheck finds unhealthy, and none looks at this one`,
    );
  return check.status === "False"
    ? undefined
    : {
        kind: "unknown",
        reason: remediationReasons.WaitingForHealthCheck,
        message: `${provider} replaces only Machines that a MachineHealthCheck finds unhealthy, and it does not yet`,
      };
}

function impossible(reason: string, message: string): Means {
  return { kind: "impossible", reason, message };
}
