import * as z from "zod";
import type { RunItem, StepFunction } from "#functions/contract/function.ts";
import type { Outcome } from "#functions/contract/outcome.ts";
import type { Lookup } from "#functions/contract/relations.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import type { Connection } from "#platform/kube/view.ts";

/** One run of a function over one or, for batch functions, several items of one key. */
export interface Dispatch {
  readonly function: StepFunction;
  /** Mutual exclusion: nothing else runs under this key meanwhile. */
  readonly key: string;
  readonly items: readonly RunItem[];
  /** The snapshot: answers what the hub knew when the run began. */
  readonly lookup: Lookup;
  readonly attempt: Attempt;
}

/** Names one dispatch. Only the current attempt's outcome counts. */
interface Attempt {
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

/** One write of a run, for people: what became of which object. */
export interface WriteNote {
  /** As RBAC has it: `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly connection: Connection;
  /** Plural, with the subresource if any: `harvestermachines/status`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  /** Empty for a collection. */
  readonly name: string;
  /** Id of the event the write becomes when it is seen, `<uid>/<resourceVersion>`; of a deletion `<uid>/`, as no version is known. */
  readonly eventId?: string | undefined;
}

/** The same out of JSON. */
export const writeNoteSchema = z.object({
  verb: z.string(),
  connection: z.string(),
  resource: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  eventId: z.string().optional(),
}) satisfies z.ZodType<WriteNote>;

export interface RunResult {
  readonly token: string;
  /** By uid. Empty when the run ended by a fault. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** What ended the run early, if anything did. */
  readonly fault?: unknown;
  readonly written: readonly Written[];
  /** The same and deletions, in the order they were made; undefined when the runner cannot tell. */
  readonly writes?: readonly WriteNote[] | undefined;
  /** Connections of the API servers that answered the run anything; undefined when the runner cannot tell. */
  readonly reached?: readonly string[];
  /** The attempt's deadline had passed when it ended, as the runner knows from its own clock. */
  readonly overran?: boolean | undefined;
  /** Its time is over, and nothing proves that it has ended: its key is not free before the margin after the deadline has passed. */
  readonly mayStillRun?: boolean;
}

interface RunnerFaultFields {
  /** What went wrong, in words of the runner's own that may be logged and shown: no text of a server. */
  readonly said?: string | undefined;
  /** How long the runner asked to wait, ms. */
  readonly retryAfterMs?: number | undefined;
  /** What was not there at all, e.g. the pods of a function: it is held back until it answers, like a dead API server. */
  readonly dependency?: string | undefined;
}

/** The step could not be run at all: no pod, no answer of the transport. It is nobody's fault but the platform's. */
export class RunnerFault extends Error {
  override readonly name = "RunnerFault";
  /** See {@link RunnerFaultFields}. */
  readonly said: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly dependency: string | undefined;

  constructor(cause: unknown, { said, retryAfterMs, dependency }: RunnerFaultFields = {}) {
    super(said ?? "the runner could not run the step", { cause });
    this.said = said;
    this.retryAfterMs = retryAfterMs;
    this.dependency = dependency;
  }
}

/** Where handlers execute. What a handler throws is part of the result; only a runner that cannot run at all throws {@link RunnerFault}. */
export interface Runner {
  run(dispatch: Dispatch): Promise<RunResult>;
  /** For a runner whose dispatches wait until a pod comes for them. */
  readonly pods?: RunnerPods | undefined;
}

/** The pods that come for dispatches. */
export interface RunnerPods {
  /** Longest time a dispatch waits for a pod, ms. Its deadline begins when one takes it. */
  readonly longestWaitMs: number;
  /** Names the pods of a function as something a run depends on. */
  dependencyOf(name: string): string;
  /** Where an attempt stands, for people; undefined when the runner has it no more. */
  standing(token: string): string | undefined;
}
