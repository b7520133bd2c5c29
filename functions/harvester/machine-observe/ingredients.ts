import { machineConditions, machineReasons } from "#api/condition-names.ts";
import type { Finding } from "#functions/harvester/machine-observe/finding.ts";
import { isKnown, type ObservedMachine } from "#functions/harvester/machine-observe/observed-machine.ts";
import { missingIngredients } from "#functions/harvester/vm-ingredients.ts";

/**
 * What the VM cannot be made without and Harvester does not have. Nothing is said when it has everything: what else stops the creating step is
 * for that step to tell, in the same condition.
 */
export function ingredientProblem(view: ObservedMachine): readonly Finding[] {
  if (!isKnown(view, "images") || !isKnown(view, "keyPair")) return [];
  const missing = missingIngredients(view);
  if (missing.length === 0) return [];
  const message = missing.map((ingredient) => ingredient.message).join("; ");
  return [
    {
      type: machineConditions.VMProvisioningReady,
      statement: { status: "False", reason: machineReasons.VMProvisioningFailed, message },
      urgent: true,
    },
  ];
}
