import type { RunItem, StepFunction } from "#functions/contract/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { Lookup } from "#functions/contract/relations.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import type { Connection } from "#platform/kube/view.ts";

/** One run of a function over one or, for batch functions, several items of one key. */
export interface Dispatch {
  readonly function: StepFunction;
  readonly items: readonly RunItem[];
  /** The snapshot: answers what the hub knew when the run began. */
  readonly lookup: Lookup;
  readonly attempt: Attempt;
}

/** Names one dispatch. Only the current attempt's outcome counts. */
export interface Attempt {
  /** `<epoch>.<n>`: the epoch counts hub starts, n the dispatches since. */
  readonly token: string;
  /** Aborts at the deadline; nothing is written after it. */
  readonly signal: AbortSignal;
}

/** An object as the API server answered after a write of the run. */
export interface Written {
  readonly connection: Connection;
  readonly type: ResourceType;
  readonly object: KubeObject;
}

export interface RunResult {
  readonly token: string;
  /** By uid. Empty when the run ended by a fault. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** What ended the run early, if anything did. */
  readonly fault?: unknown;
  readonly written: readonly Written[];
}

/** Where handlers execute. Never throws: a fault is part of the result. */
export interface Runner {
  run(dispatch: Dispatch): Promise<RunResult>;
}
