import * as z from "zod";
import { conditionSchema } from "#api/condition.ts";
import type { Deps } from "#functions/contract/deps.ts";
import type { Machine } from "#platform/cluster-api/cluster.ts";
import { mergeConditions, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** All conditions of a Machine; its view has only those that functions look at. */
export const machineConditionsSchema = z.looseObject({
  status: z.looseObject({ conditions: z.array(conditionSchema).default([]) }).prefault({}),
});

/** Writes a condition of ours on a Machine, under the version it is read at, unless it says so already. */
export async function writeMachineCondition(
  { meta }: Seen<Machine>,
  wanted: WantedCondition,
  deps: Pick<Deps, "management" | "now">,
): Promise<"written" | "same" | "gone"> {
  const { namespace, name, uid } = meta;
  const object = await deps.management.get(machines, { namespace, name });
  if (object?.metadata.uid !== uid) return "gone";
  const before = machineConditionsSchema.parse(object).status.conditions;
  if (sameConditions(before, [wanted])) return "same";
  const conditions = mergeConditions(before, [wanted], deps.now());
  await deps.management.mergePatch(
    machines,
    { namespace, name },
    { metadata: { resourceVersion: object.metadata.resourceVersion }, status: { conditions } },
    { subresource: "status" },
  );
  return "written";
}
