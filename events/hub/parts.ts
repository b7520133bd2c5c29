import type { Hints } from "#events/hub/hints.ts";
import type { HubOptions } from "#events/hub/options.ts";
import type { Items } from "#events/hub/items.ts";
import type { ObjectIndex } from "#events/hub/object-index.ts";
import type { Timers } from "#events/hub/timers.ts";
import type { RunBuckets } from "#events/hub/thrash.ts";
import type { WorkQueue } from "#events/hub/work-queue.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What the parts of one hub work on together. */
export interface HubParts {
  readonly options: HubOptions;
  readonly index: ObjectIndex;
  readonly items: Items;
  readonly queue: WorkQueue;
  readonly timers: Timers;
  readonly buckets: RunBuckets;
  readonly hints: Hints;
  /** Every view of every function, by `resourceName`. */
  readonly views: ReadonlyMap<string, ResourceView<unknown>>;
  /** False on standby, while another hub leads. */
  readonly leads: () => boolean;
}
