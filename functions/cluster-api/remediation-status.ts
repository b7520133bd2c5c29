import type { RemediationStatus } from "#api/remediation.ts";
import type { Deps } from "#functions/contract/deps.ts";
import { mergeConditions, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import type { Remediation } from "#platform/cluster-api/remediation.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { Seen } from "#platform/kube/view.ts";

/** What of the status is to read otherwise; conditions not named stay as they are. */
export interface StatusChange extends Partial<Pick<RemediationStatus, "phase" | "target" | "steps">> {
  readonly conditions: readonly Omit<WantedCondition, "observedGeneration">[];
}

/** Writes the change under the version it was decided on, if it changes anything. Answers whether it did. */
export async function writeStatus(
  deps: Pick<Deps, "management" | "now">,
  type: ResourceType,
  object: Seen<Remediation>,
  change: StatusChange,
): Promise<boolean> {
  const { meta, status } = object;
  const { conditions, ...fields } = change;
  const wanted = conditions.map((condition) => ({
    ...condition,
    ...(meta.generation !== undefined && { observedGeneration: meta.generation }),
  }));
  const isSame =
    sameConditions(status.conditions, wanted) &&
    Object.entries(fields).every(([name, value]) => JSON.stringify(value) === JSON.stringify(status[name]));
  if (isSame) return false;
  await deps.management.mergePatch(
    type,
    { namespace: meta.namespace, name: meta.name },
    {
      metadata: { resourceVersion: meta.resourceVersion },
      status: {
        ...fields,
        ...(meta.generation !== undefined && { observedGeneration: meta.generation }),
        conditions: mergeConditions(status.conditions, wanted, deps.now()),
      },
    },
    { subresource: "status" },
  );
  return true;
}
