import { machineConditionsSchema, writeMachineCondition } from "#functions/cluster-api/machine-condition.ts";
import type { Announcement, Deps } from "#functions/contract/deps.ts";
import { ETCD_CONDITION, type Machine } from "#platform/cluster-api/cluster.ts";
import { findCondition, type WantedCondition } from "#platform/cluster-api/conditions.ts";
import { machines } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";

/** Why a member is still there. `Unknown`: nothing could be found out. */
export type Trouble = Pick<WantedCondition, "reason" | "message"> & { readonly status: "False" | "Unknown" };

/**
 * Says on the Machine, as a condition and an Event, why its member is not removed. Resolves with whether the condition said the same already;
 * then nothing is written.
 */
export async function reportTrouble(own: Seen<Machine>, trouble: Trouble, deps: Deps): Promise<boolean> {
  announce(own, { type: "Warning", reason: trouble.reason, message: trouble.message }, deps);
  return (await writeMachineCondition(own, { type: ETCD_CONDITION, ...trouble }, deps)) === "same";
}

/** For how long the condition has been `Unknown`, ms; 0 while it is not. */
export async function unknownForMs({ meta }: Seen<Machine>, deps: Deps): Promise<number> {
  const { namespace, name, uid } = meta;
  const object = await deps.management.get(machines, { namespace, name });
  if (object?.metadata.uid !== uid) return 0;
  const known = findCondition(machineConditionsSchema.parse(object).status.conditions, ETCD_CONDITION);
  return known?.status === "Unknown" ? deps.now().getTime() - Date.parse(known.lastTransitionTime) : 0;
}

/** An Event on the Machine. */
export function announce({ meta }: Seen<Machine>, event: Announcement, deps: Deps): void {
  deps.announce({ type: machines, meta }, event);
}
