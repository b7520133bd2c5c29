import type { FunctionNote } from "#events/hub/note.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import type { ObjectRef } from "#platform/kube/view.ts";

/** Writes what people must see onto the object itself: best effort, never in the way of the work. */
export interface Reporter {
  /** Keeps attempts and parks on the object (annotation); undefined takes them away. */
  note(fn: StepFunction, object: ObjectRef, uid: string, note: FunctionNote | undefined): void;
  /** `failed`: condition of the function's type, and a Kubernetes Event. */
  failed(fn: StepFunction, object: ObjectRef, uid: string, report: { reason: string; message: string }): void;
  /** Condition `Thrashing`, naming who keeps changing what we look at; undefined when it is over. */
  thrashing(fn: StepFunction, object: ObjectRef, uid: string, manager: string | undefined): void;
}

/** Says nothing; for runs that only look. */
export const silentReporter: Reporter = {
  note: () => undefined,
  failed: () => undefined,
  thrashing: () => undefined,
};
