import * as z from "zod";
import { conditionSchema } from "#api/condition.ts";
import type { Announcement, Deps } from "#functions/contract/deps.ts";
import { ETCD_CONDITION, type Machine } from "#platform/cluster-api/cluster.ts";
import { mergeConditions, sameConditions, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Why a member is still there. `Unknown`: nothing could be found out. */
export type Trouble = Pick<WantedCondition, "reason" | "message"> & { readonly status: "False" | "Unknown" };

const conditionsSchema = z.looseObject({
  status: z.looseObject({ conditions: z.array(conditionSchema).default([]) }).prefault({}),
});

/**
 * Says on the Machine, as a condition and an Event, why its member is not removed. Resolves with the time since when the condition has had this
 * status, ms since the epoch. Nothing is written that is said already.
 */
export async function reportTrouble(own: Seen<Machine>, trouble: Trouble, deps: Deps): Promise<number> {
  const { namespace, name, uid } = own.meta;
  const now = deps.now();
  announce(own, { type: "Warning", reason: trouble.reason, message: trouble.message }, deps);
  const object = await deps.management.get(machines, { namespace, name });
  if (object?.metadata.uid !== uid) return now.getTime();
  const before = conditionsSchema.parse(object).status.conditions;
  const wanted = { type: ETCD_CONDITION, ...trouble };
  const conditions = mergeConditions(before, [wanted], now);
  if (!sameConditions(before, [wanted])) {
    await deps.management.mergePatch(
      machines,
      { namespace, name },
      { metadata: { resourceVersion: object.metadata.resourceVersion }, status: { conditions } },
      { subresource: "status" },
    );
  }
  const since = conditions.find(({ type }) => type === ETCD_CONDITION)?.lastTransitionTime;
  return since === undefined ? now.getTime() : Date.parse(since);
}

/** An Event on the Machine. */
export function announce({ meta }: Seen<Machine>, event: Announcement, deps: Deps): void {
  deps.announce({ type: machines, meta }, event);
}
