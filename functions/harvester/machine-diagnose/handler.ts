import { lookAtAnnotation } from "#api/names.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, requeueAfter, type Outcome } from "#functions/contract/outcome.ts";
import { conclude } from "#functions/harvester/machine-diagnose/conclude.ts";
import { examineMachine } from "#functions/harvester/machine-diagnose/examine.ts";
import { awaited, diagnosisNeed } from "#functions/harvester/machine-diagnose/stuck.ts";
import type { HarvesterScope } from "#functions/harvester/machine-scope.ts";
import { DIAGNOSIS_ANNOTATION, type Diagnosis } from "#platform/cluster-api/diagnosis.ts";
import type { HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { harvesterMachines } from "#platform/kube/resources.ts";

/** Looks once into a machine that is stuck and leaves what it found on it; `machine-observe` makes a condition of it. */
export async function diagnoseMachine(
  event: StepEvent<HarvesterMachineBody, HarvesterScope>,
  deps: Deps,
): Promise<Outcome> {
  const { object } = event;
  const need = diagnosisNeed(event);
  const wait = awaited(event);
  if (wait === undefined || need === false) return done();
  const now = deps.now();
  if (need instanceof Date && need > now) {
    return requeueAfter(need.getTime() - now.getTime(), "a machine is looked into when it takes too long");
  }
  const findings = await examineMachine(event, deps);
  if (typeof findings === "string") return done();
  const { reason, message } = conclude(findings);
  const lookAt = object.metadata.annotations[lookAtAnnotation];
  const diagnosis: Diagnosis = {
    vm: wait.vm.meta.uid,
    stage: wait.stage,
    at: now.toISOString(),
    reason,
    message,
    ...(lookAt !== undefined && { lookAt }),
  };
  const { uid } = object.meta;
  const annotations = { [DIAGNOSIS_ANNOTATION]: JSON.stringify(diagnosis) };
  await deps.management.mergePatch(harvesterMachines, object.meta, { metadata: { uid, annotations } });
  deps.count("capfn_machine_diagnoses_total");
  deps.announce(
    { type: harvesterMachines, meta: object.meta },
    { type: "Warning", reason: "MachineStuck", message: `${reason}: ${message}` },
  );
  return done();
}
