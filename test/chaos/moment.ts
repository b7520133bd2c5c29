import type { KubeObject } from "#platform/kube/resource.ts";
import type { Observation, State } from "#test/chaos/history.ts";
import type { TrialNames } from "#test/chaos/trial-names.ts";

/** One change, and everything as it is after it. */
export interface Moment {
  readonly names: TrialNames;
  readonly now: State;
  readonly before: KubeObject | undefined;
  readonly observation: Observation;
}

/** Something that must hold at every moment: what is wrong, or undefined. */
export type Invariant = (moment: Moment) => string | undefined;

/** Objects of one kind, e.g. `H ippools`. */
export function all(state: State, prefix: string): readonly KubeObject[] {
  return [...state].flatMap(([place, object]) => (place.startsWith(`${prefix} `) ? [object] : []));
}
