import type { WriteNote } from "#events/transport/runner.ts";
import type { Cause } from "#functions/contract/function.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { ObjectRef } from "#platform/kube/view.ts";
import type { RelistReason } from "#platform/kube/client.ts";

/** An object an event is about, as far as it is known. */
export interface EventObject {
  readonly type: ResourceType;
  readonly ref: ObjectRef & { readonly uid?: string; readonly resourceVersion?: string };
}

/** What happens inside the hub, for logs, metrics and tests. Never carries object content. */
export type HubEvent =
  /** An event of the catalogue, whatever it wakes. */
  | {
      readonly kind: "happened";
      readonly cause: Cause;
      readonly object?: EventObject | undefined;
      readonly data?: Readonly<Record<string, unknown>> | undefined;
    }
  | {
      readonly kind: "dispatched";
      readonly function: string;
      readonly key: string;
      readonly items: number;
      readonly wakeMs: number;
      readonly attempt: string;
    }
  | {
      readonly kind: "outcome";
      readonly function: string;
      readonly key: string;
      readonly object: string;
      readonly subject: EventObject;
      readonly outcome: "done" | "waitFor" | "requeueAfter" | "failed" | "fault";
      readonly reason: string;
      readonly cause: Cause;
      /** What the run wrote, other items of a batch apart. */
      readonly writes: readonly WriteNote[];
      readonly durationMs: number;
      readonly attempt: string;
    }
  | { readonly kind: "late"; readonly function: string; readonly attempt: string }
  | { readonly kind: "parked"; readonly function: string; readonly object: string; readonly reason: string }
  | { readonly kind: "unparked"; readonly function: string; readonly object: string }
  | {
      readonly kind: "thrashing";
      readonly function: string;
      readonly object: string;
      readonly manager: string;
    }
  | { readonly kind: "held"; readonly function: string; readonly dependency: string }
  | { readonly kind: "unreadable"; readonly object: string; readonly message: string }
  | {
      readonly kind: "predicateFailed";
      readonly function: string;
      readonly object: string;
      readonly message: string;
    }
  | { readonly kind: "relisted"; readonly collection: string; readonly reason: RelistReason }
  | { readonly kind: "disrupted"; readonly collection: string; readonly message: string }
  | { readonly kind: "missed"; readonly collection: string; readonly deltas: number }
  /** An event that a step reported. */
  | {
      readonly kind: "emitted";
      readonly function: string;
      readonly type: string;
      readonly cause: Omit<Cause, "type"> & { readonly type: string };
      readonly object?: EventObject | undefined;
      readonly data: Readonly<Record<string, string>>;
    };

export type HubObserver = (event: HubEvent) => void;
