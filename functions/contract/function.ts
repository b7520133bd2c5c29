import type { Deps } from "#functions/contract/deps.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { Edge, Lookup, Relations } from "#functions/contract/relations.ts";
import type { EventType } from "#events/catalog/types.ts";
import type { Cause, WaitEnd } from "#functions/contract/cause.ts";
import type { ResourceView, Seen } from "#platform/kube/view.ts";

export type { Cause, WaitEnd } from "#functions/contract/cause.ts";

/** Everything a predicate, a key or a handler sees: the object and what it is related to, at one moment. */
export interface View<P, R> {
  readonly object: Seen<P>;
  readonly related: R;
  /** Optional relations that could not be evaluated yet; their value says nothing. */
  readonly unknown: readonly string[];
}

/** False: the world is as it should be. True: there is a step to do. A Date: not before then. */
export type Need = boolean | Date;

/** Kinds of dependency a function calls; a breaker that is open for one of them holds the function's items back. */
export type Dependency = "management" | "harvester" | "workload";

/**
 * What a function calls besides API servers. `ssh`: machines, each of which may hang until its time is over; of steps that call them only so many run at
 * once, so that hosts that are gone do not hold up what has nothing to do with them.
 */
export type Further = "ssh";

/** Rights of a function at one API server, in the words of RBAC. */
export interface PolicyRule {
  readonly api: Dependency;
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** What a function says of itself; hub, runners, RBAC and documentation are derived from it. */
export interface Declaration<P, R> {
  /** kebab-case verb phrase, unique; names the folder, the field manager `capfn-<name>` and the metrics label. */
  readonly name: string;
  /** One sentence for `capfn why` and the catalogue. */
  readonly summary: string;
  /** Catalogue events that are hints for this function. A hint only asks the predicate; it never carries the decision. */
  readonly on: readonly EventType[];
  /** The object that carries the state. */
  readonly for: ResourceView<P>;
  readonly related: Relations<P, R>;
  /** Mutual exclusion across all functions; by default the object itself, `<plural>/<uid>`. */
  readonly key?: (view: View<P, R>) => string;
  /** Whether there is a step to do. Pure, total and cheap: it runs on every change of what the function looks at. */
  readonly needs: (view: View<P, R>) => Need;
  /** What the decision rests on, as JSON. After `done` the function runs again only when this has changed. */
  readonly inputs: (view: View<P, R>) => unknown;
  /** Condition type on the object that carries `failed`; e.g. `VMProvisioningReady`. */
  readonly condition: string;
  readonly rbac: readonly PolicyRule[];
  readonly uses: readonly (Dependency | Further)[];
  /** Kinds it writes without looking at them, e.g. what it only creates. Those it looks at need not be named. */
  readonly writes?: readonly ResourceView<unknown>[];
  /** Its step is part of taking an object away that a finalizer protects: nobody may have it skipped. */
  readonly deletes?: boolean;
  /** Longest run of one attempt, ms; 30 s when left out. */
  readonly timeoutMs?: number;
}

/** A function that is handed one item at a time. */
export interface StepDeclaration<P, R> extends Declaration<P, R> {
  /** One reconcile step: reads top to bottom, idempotent, returns what it found. Throwing means a transient fault. */
  readonly handle: (event: StepEvent<P, R>, deps: Deps) => Promise<Outcome>;
}

/** A function that is handed all due items of its key at once, e.g. all machines waiting for one IPPool. */
export interface BatchDeclaration<P, R> extends Declaration<P, R> {
  /** Resolves to one outcome per item, by uid. An item without one counts as a transient fault. */
  readonly handleBatch: (event: BatchEvent<P, R>, deps: Deps) => Promise<ReadonlyMap<string, Outcome>>;
}

/** What a handler is handed: the newest view of its object, and why. */
export interface StepEvent<P, R> extends View<P, R> {
  readonly cause: Cause;
  /** Set when the item ran because of a `waitFor`: how the wait ended. */
  readonly wait?: WaitEnd | undefined;
}

/** What a batch handler is handed: all due items of one key, oldest first. */
export interface BatchEvent<P, R> {
  readonly items: readonly StepEvent<P, R>[];
}

/** What the predicate says about one object now. */
export interface Evaluation {
  readonly need: Need;
  readonly key: string;
  readonly inputs: unknown;
  readonly edges: readonly Edge[];
  readonly blockedOn: readonly string[];
  readonly view: View<unknown, unknown>;
}

/** A function as hub and runners know it: the types of its objects are closed over. */
export interface StepFunction {
  readonly name: string;
  readonly summary: string;
  readonly on: readonly EventType[];
  readonly for: ResourceView<unknown>;
  readonly views: readonly ResourceView<unknown>[];
  readonly condition: string;
  readonly rbac: readonly PolicyRule[];
  readonly uses: readonly (Dependency | Further)[];
  /** Views of all kinds it may write, among them all it looks at: a runner elsewhere tells the hub of what was written as these see it. */
  readonly writes: readonly ResourceView<unknown>[];
  readonly deletes: boolean;
  readonly timeoutMs: number;
  readonly batch: boolean;
  /** Undefined when the index does not hold the object. Throws `PredicateFailed`. */
  evaluate(object: ObjectKey, lookup: Lookup): Evaluation | undefined;
  /** Runs one attempt over the newest snapshots of its items; one outcome per uid. */
  run(items: readonly RunItem[], lookup: Lookup, deps: Deps): Promise<ReadonlyMap<string, Outcome>>;
  /**
   * The same over snapshots that came as JSON, e.g. in a CloudEvent: `{object, related, unknown}`, for a batch function `{items: [...]}`. Throws
   * `UnfitData` when they do not fit what the function looks at.
   */
  runFromData(data: unknown, cause: Cause, deps: Deps): Promise<ReadonlyMap<string, Outcome>>;
}

/** Where an object is: connection, namespace and name. */
export interface ObjectKey {
  readonly connection: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** One item of a dispatch: which object, and why. */
export interface RunItem {
  readonly object: ObjectKey;
  readonly cause: Cause;
  readonly wait?: WaitEnd | undefined;
}
