import type { StepFunction } from "#functions/contract/function.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** Some of the functions that are for one kind, one bit each. Kept with every edge of every object, so it has to cost nothing. */
export type FunctionSet = number;

/** Bits of a small integer. */
const MOST_OF_A_KIND = 30;

/** The functions of a hub as sets, by the kind they are for. */
export class FunctionSets {
  readonly #byView = new Map<ResourceView<unknown>, StepFunction[]>();
  readonly #bits = new Map<StepFunction, FunctionSet>();

  constructor(functions: readonly StepFunction[]) {
    for (const fn of functions) {
      const ofKind = this.#byView.get(fn.for) ?? [];
      if (ofKind.length === MOST_OF_A_KIND)
        throw new Error(
          `more than ${MOST_OF_A_KIND} functions are for ${fn.for.type.kind}; merge some of them`,
        );
      this.#bits.set(fn, 1 << ofKind.length);
      this.#byView.set(fn.for, [...ofKind, fn]);
    }
  }

  /** All functions that are for this kind. */
  all(view: ResourceView<unknown>): FunctionSet {
    return (1 << (this.#byView.get(view)?.length ?? 0)) - 1;
  }

  of(fn: StepFunction): FunctionSet {
    return this.#bits.get(fn) ?? 0;
  }

  /** The members of a set, in the order in which the hub was given them. */
  members(view: ResourceView<unknown>, set: FunctionSet): readonly StepFunction[] {
    const ofKind = this.#byView.get(view) ?? [];
    return set === this.all(view) ? ofKind : ofKind.filter((_, bit) => (set & (1 << bit)) !== 0);
  }
}
