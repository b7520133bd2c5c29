import type { Condition } from "#api/condition.ts";

/** A condition as it should read; when its status last changed is worked out on merging. */
export type WantedCondition = Pick<
  Condition,
  "type" | "status" | "reason" | "message" | "observedGeneration"
>;

/** The condition of this type, if there is one. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * The conditions with the wanted ones in place: each keeps its position, new ones follow in the order given, types not named stay as they
 * are. `lastTransitionTime` moves only with `status` (Kubernetes API conventions, "Typical status properties").
 */
export function mergeConditions(
  current: readonly Condition[] | undefined,
  wanted: readonly WantedCondition[],
  now: Date,
): Condition[] {
  const merged = new Map((current ?? []).map((condition) => [condition.type, condition]));
  for (const condition of wanted) {
    const known = merged.get(condition.type);
    const lastTransitionTime =
      known?.status === condition.status ? known.lastTransitionTime : formatTime(now);
    merged.set(condition.type, { ...condition, lastTransitionTime });
  }
  return [...merged.values()];
}

/** Whether every wanted condition is there as wanted, timestamps aside. Then merging changes nothing. */
export function sameConditions(
  current: readonly Condition[] | undefined,
  wanted: readonly WantedCondition[],
): boolean {
  return wanted.every((condition) => sameCondition(findCondition(current, condition.type), condition));
}

/** Whether the condition is there as wanted, its timestamp aside. */
export function sameCondition(current: Condition | undefined, wanted: WantedCondition): boolean {
  return (
    current !== undefined &&
    current.status === wanted.status &&
    current.reason === wanted.reason &&
    current.message === wanted.message &&
    current.observedGeneration === wanted.observedGeneration
  );
}

/** `metav1.Time`: RFC 3339, whole seconds, UTC. */
function formatTime(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
