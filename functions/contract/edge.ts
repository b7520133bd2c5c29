import type { Connection, ObjectRef, ResourceView } from "#platform/kube/view.ts";

/** How a change of the related object reaches the function's item. */
export type WakeOn =
  /** Every change of the projection (the default). */
  | "change"
  /** Only when the object enters or leaves the set the relation names. For large objects many items look at, such as an IPPool. */
  | "membership"
  /**
   * When it comes or goes, when its terms change, and when it has a free place again or none any more; not with every place taken. For
   * views with `places`.
   */
  | "places"
  /** Never; the step waits for it by `waitFor` when it needs to. */
  | "none";

/** All objects of one connection that have this value in this index of their view. */
export interface IndexQuery {
  readonly connection: Connection;
  /** Restricts to one namespace of a namespaced resource. */
  readonly namespace?: string | undefined;
  readonly index: string;
  readonly value: string;
}

/** One thing an item looks at: what wakes it, and which collection must be watched for it. */
export type Edge = {
  readonly view: ResourceView<unknown>;
  readonly wake: WakeOn;
  /** The function can do without it, so it is judged also while the collection has not been listed. */
  readonly optional: boolean;
} & (
  | { readonly kind: "object"; readonly ref: ObjectRef }
  | { readonly kind: "index"; readonly query: IndexQuery }
);
