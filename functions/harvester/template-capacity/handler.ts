import type { Deps } from "#functions/contract/deps.ts";
import type { StepEvent } from "#functions/contract/function.ts";
import { done, type Outcome } from "#functions/contract/outcome.ts";
import {
  capacityOf,
  isAsleep,
  isCapacityShown,
  type TemplateScope,
} from "#functions/harvester/template-capacity/plan.ts";
import type { HarvesterMachineTemplateBody } from "#platform/cluster-api/harvester-machine-template.ts";
import { harvesterMachineTemplates } from "#platform/kube/resources.ts";

/** Writes the capacity into the status. A merge patch, so keys of others stay. */
export async function reportCapacity(
  event: StepEvent<HarvesterMachineTemplateBody, TemplateScope>,
  deps: Deps,
): Promise<Outcome> {
  const wanted = capacityOf(event);
  if (isAsleep(event) || isCapacityShown(event, wanted)) return done();
  const { namespace, name, resourceVersion } = event.object.meta;
  await deps.management.mergePatch(
    harvesterMachineTemplates,
    { namespace, name },
    { metadata: { resourceVersion }, status: wanted },
    { subresource: "status" },
  );
  return done();
}
