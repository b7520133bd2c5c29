import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Finding } from "#functions/harvester/machine-observe/finding.ts";
import type { ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { findCondition } from "#platform/cluster-api/conditions.ts";
import { DIAGNOSIS_ANNOTATION, readDiagnosis } from "#platform/cluster-api/diagnosis.ts";

/** What `machine-diagnose` found, for as long as it is about this VM and what that still waits for. */
export function diagnosed(
  { object, related }: ObservedMachine,
  { provisioned }: { readonly provisioned: boolean },
): readonly Finding[] {
  const type = machineConditions.Diagnosed;
  const diagnosis = readDiagnosis(object.metadata.annotations[DIAGNOSIS_ANNOTATION]);
  const isStuck =
    related.machine?.status.nodeRef === undefined &&
    diagnosis?.vm === related.vm?.meta.uid &&
    diagnosis?.stage === (provisioned ? "node" : "address");
  if (diagnosis !== undefined && isStuck) {
    const { reason, message } = diagnosis;
    return [{ type, statement: { status: "True", reason, message }, urgent: true }];
  }
  if (findCondition(object.status.conditions, type)?.status !== "True") return [];
  return [
    { type, statement: { status: "False", reason: machineReasons.NotStuck, message: "" }, urgent: true },
  ];
}
