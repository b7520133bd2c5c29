import type { EventType } from "#events/catalog/types.ts";

/** Why an item runs; becomes attributes of its CloudEvent and fields of its log line. */
export interface Cause {
  /** Id of the event that woke the item, deterministic, e.g. `<uid>/<resourceVersion>`. */
  readonly id: string;
  readonly type: EventType;
  /** `/clusters/<id>/apis/<group>/<version>/<plural>` of the event's origin. */
  readonly source: string;
  /** RFC 3339 time at which the hub saw it. */
  readonly time: string;
}

/** `fulfilled`: a target changed. `timedOut`: none did in time. `superseded`: something else woke the item. */
export type WaitEnd = "fulfilled" | "timedOut" | "superseded";
