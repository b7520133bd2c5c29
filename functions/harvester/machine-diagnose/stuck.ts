import { machineConditions } from "#api/condition-names.ts";
import { lookAtAnnotation } from "#api/names.ts";
import type { Need } from "#functions/contract/function.ts";
import { managedByGate, pausedGate } from "#functions/harvester/gates.ts";
import type { HarvesterMachineInScope } from "#functions/harvester/machine-scope.ts";
import { isOurs } from "#functions/harvester/ownership.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { DIAGNOSIS_ANNOTATION, readDiagnosis, type DiagnosisStage } from "#platform/cluster-api/diagnosis.ts";
import type { VirtualMachine } from "#platform/harvester/virtual-machine.ts";
import type { Seen } from "#platform/kube/view.ts";

/** A stage that lasts longer is stuck, ms: a first boot that installs everything takes up to eight minutes. */
export const STUCK_AFTER_MS = 10 * 60_000;

/** What a machine is waiting for. */
export interface Awaited {
  readonly vm: Seen<VirtualMachine>;
  readonly stage: DiagnosisStage;
  /** When it began to, RFC 3339. */
  readonly since: string;
}

/**
 * What the machine's VM has yet to come to: an address, then a Node. Undefined when there is nothing to wait for, or a person has stopped it. Before
 * there is a VM the machine's conditions tell what it lacks.
 */
export function awaited({ object, related }: HarvesterMachineInScope): Awaited | undefined {
  const { machine, vm } = related;
  if (machine === undefined || machine.status.nodeRef !== undefined) return undefined;
  if ((object.meta.deletionTimestamp ?? machine.meta.deletionTimestamp) !== undefined) return undefined;
  if (pausedGate({ object, related }) !== undefined) return undefined;
  if (managedByGate({ object, related }) !== undefined) return undefined;
  if (vm?.meta.creationTimestamp === undefined || vm.meta.deletionTimestamp !== undefined) return undefined;
  if (!isOurs(vm, object) || vm.spec.runStrategy === "Halted" || vm.spec.running === false) return undefined;
  const { status } = object;
  if (status.initialization?.provisioned !== true) {
    return { vm, stage: "address", since: vm.meta.creationTimestamp };
  }
  const provisioned = findCondition(status.conditions, machineConditions.VMProvisioningReady);
  const since = provisioned?.status === "True" ? provisioned.lastTransitionTime : vm.meta.creationTimestamp;
  return { vm, stage: "node", since };
}

/** When to look into the machine: once for each stage its VM is stuck in, and once more for each look that somebody asks for. */
export function diagnosisNeed(view: HarvesterMachineInScope): Need {
  const wait = awaited(view);
  if (wait === undefined) return false;
  const { annotations } = view.object.metadata;
  const known = readDiagnosis(annotations[DIAGNOSIS_ANNOTATION]);
  const isKnown = known?.vm === wait.vm.meta.uid && known.stage === wait.stage;
  if (isKnown && known.lookAt === annotations[lookAtAnnotation]) return false;
  return new Date(Date.parse(wait.since) + STUCK_AFTER_MS);
}
