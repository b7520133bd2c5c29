import * as z from "zod";

import { apiStatusSchema } from "#platform/kube/api-status.ts";
import type { ApiStatus } from "#platform/kube/api-status.ts";
import { receiveObject } from "#platform/kube/received-object.ts";
import type { ReceivedObject } from "#platform/kube/received-object.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** One line of a watch response, understood. */
export type WatchFrame =
  | { readonly kind: "added" | "modified" | "deleted"; readonly received: ReceivedObject }
  | { readonly kind: "bookmark"; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  | { readonly kind: "error"; readonly status: ApiStatus };

const frameSchema = z.looseObject({
  type: z.enum(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: z.unknown(),
});

const bookmarkSchema = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string().min(1),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/** Marks the bookmark after the last object of a streamed list (Kubernetes API concepts, "Streaming lists"). */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** Undefined when the line is no watch event. */
export function parseFrame(line: string, type: ResourceType, metadataOnly: boolean): WatchFrame | undefined {
  const frame = frameSchema.safeParse(parseJson(line)).data;
  if (frame === undefined) return undefined;
  if (frame.type === "ERROR") {
    const status = apiStatusSchema.safeParse(frame.object).data;
    return status === undefined ? undefined : { kind: "error", status };
  }
  if (frame.type === "BOOKMARK") {
    const metadata = bookmarkSchema.safeParse(frame.object).data?.metadata;
    if (metadata === undefined) return undefined;
    const initialEventsEnd = metadata.annotations?.[INITIAL_EVENTS_END] === "true";
    return { kind: "bookmark", resourceVersion: metadata.resourceVersion, initialEventsEnd };
  }
  const received = receiveObject(frame.object, type, metadataOnly);
  return received === undefined ? undefined : { kind: kinds[frame.type], received };
}

const kinds = { ADDED: "added", MODIFIED: "modified", DELETED: "deleted" } as const;

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
