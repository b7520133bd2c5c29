import * as z from "zod";
import type { ObjectRef, ResourceView, Seen, SeenMeta } from "#platform/kube/view.ts";
import { resourceTypeSchema, type ResourceType } from "#platform/kube/resource.ts";

/** What a step says when it ends. Data, never an exception: an exception is a transient fault and means "try again later". */
export type Outcome =
  | { readonly kind: "done"; readonly emit?: readonly Emission[] }
  | {
      readonly kind: "waitFor";
      readonly targets: readonly WaitTarget[];
      readonly timeoutMs: number;
      readonly reason: string;
    }
  | { readonly kind: "requeueAfter"; readonly afterMs: number; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** A domain event a step reports beside its outcome, for the broadcast lane. */
export interface Emission {
  /** A type of the catalogue, e.g. `dev.capfn.machine.provisioned`. */
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
  /** An object it is about: the hub takes the event as a hint for everybody who looks at it, if the type is of the catalogue. */
  readonly target?: EmissionTarget;
}

/** Where the object of an emission is. */
export interface EmissionTarget {
  readonly type: ResourceType;
  readonly ref: ObjectRef;
}

/** An object whose next change ends the wait. */
export interface WaitTarget {
  readonly type: ResourceType;
  readonly ref: ObjectRef;
  /** The resourceVersion the step looked at, or `absent`. If the index is already newer, the step runs again at once. */
  readonly seen: string;
  /**
   * Only a place counts, not every change: the wait ends when the object has a free one, or gives them on other terms than these, which are
   * those the step saw (`places` of its view). Of many that wait, as many are woken as there are places, first come first served.
   */
  readonly terms?: string | undefined;
}

/** The step is complete for what it saw. It runs again when its inputs change and it still has work. */
export function done(emit?: readonly Emission[]): Outcome {
  return emit === undefined ? { kind: "done" } : { kind: "done", emit };
}

/**
 * Another object must move first. Its next change wakes exactly the waiters, so nothing is polled. The timeout is mandatory: a wait
 * must end even if the change never comes. Never wait for something only this step produces.
 */
export function waitFor(
  targets: readonly WaitTarget[],
  options: { timeoutMs: number; reason: string },
): Outcome {
  return { kind: "waitFor", targets, ...options };
}

/** Nothing will tell us; look again after this time. */
export function requeueAfter(afterMs: number, reason: string): Outcome {
  return { kind: "requeueAfter", afterMs, reason };
}

/** No repetition will help until the spec, the function or a person changes something. Becomes a condition and a Kubernetes Event. */
export function failed(reason: string, message: string): Outcome {
  return { kind: "failed", reason, message };
}

/** Wait for the next change of an object the step has seen. */
export function change(type: ResourceType, seen: { readonly meta: SeenMeta }): WaitTarget {
  const { connection, namespace, name, resourceVersion } = seen.meta;
  return { type, ref: { connection, namespace, name }, seen: resourceVersion };
}

/** Wait for a free place of an object that, as the step has seen it, has none. */
export function place<P>(view: ResourceView<P>, seen: Seen<P>): WaitTarget {
  return { ...change(view.type, seen), terms: view.places?.(seen).terms };
}

/** Wait until an object appears that was not there. */
export function appearance(type: ResourceType, ref: ObjectRef): WaitTarget {
  return { type, ref, seen: "absent" };
}

const objectSchema = z.object({
  type: resourceTypeSchema,
  ref: z.object({ connection: z.string(), namespace: z.string().optional(), name: z.string() }),
});
const targetSchema = z.object({
  ...objectSchema.shape,
  seen: z.string(),
  terms: z.string().optional(),
});
const emissionSchema = z.object({
  type: z.string(),
  data: z.record(z.string(), z.string()),
  target: objectSchema.exactOptional(),
});

/** An outcome as it comes from somewhere else. What does not fit counts as no outcome, which is a transient fault. */
export const outcomeSchema: z.ZodType<Outcome> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("done"),
    emit: z.array(emissionSchema).exactOptional(),
  }),
  z.object({
    kind: z.literal("waitFor"),
    targets: z.array(targetSchema),
    timeoutMs: z.number().positive(),
    reason: z.string(),
  }),
  z.object({ kind: z.literal("requeueAfter"), afterMs: z.number(), reason: z.string() }),
  z.object({ kind: z.literal("failed"), reason: z.string(), message: z.string() }),
]);
