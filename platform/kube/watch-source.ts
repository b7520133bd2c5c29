import { refusalError } from "#platform/kube/api-status.ts";
import type { ApiStatus } from "#platform/kube/api-status.ts";
import type { ApiRequests } from "#platform/kube/api-requests.ts";
import type { RelistReason, WatchEvent, WatchOptions } from "#platform/kube/client.ts";
import { KubeError } from "#platform/kube/errors.ts";
import { listPages } from "#platform/kube/object-list.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { isOlder } from "#platform/kube/resource-version.ts";
import { parseFrame } from "#platform/kube/watch-frame.ts";
import { WatchStreamError, watchLines } from "#platform/kube/watch-lines.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What one watch reads from. */
export interface WatchSource {
  readonly requests: ApiRequests;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly silenceMs: number;
  readonly longestLineBytes: number;
  readonly type: ResourceType;
  readonly options: WatchOptions;
  readonly signal: AbortSignal;
  /** The watch itself moved on: a delta or bookmark after the list, or a normal end. */
  readonly progress: () => void;
}

/** Where a watch stands. */
export interface WatchPosition {
  /** Resume after this version; undefined: a complete list is due. */
  version: string | undefined;
  /** No list may be older than this. */
  newest: string | undefined;
  /** Why the next list is due. */
  relistReason: RelistReason;
  /** The storage was set back: the next list may be older than what was seen before. */
  rewound: boolean;
}

/** A line that is no watch event, or an object that is no Kubernetes object. */
export class MalformedWatchError extends Error {
  override readonly name = "MalformedWatchError";
}

/** A watch that ends sooner than this without an event has failed; a server that does so always must not be stormed. */
const SHORTEST_WATCH_MS = 1_000;
const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/**
 * One watch request until it ends. `initial`: the server first streams the complete list (Kubernetes API concepts, "Streaming
 * lists"). Returns after the server's own timeout; throws on everything else.
 */
export async function* streamEvents(
  source: WatchSource,
  position: WatchPosition,
  initial: boolean,
): AsyncGenerator<WatchEvent> {
  const { clock, type, options } = source;
  const metadataOnly = options.metadataOnly === true;
  const response = await source.requests.open({
    verb: "watch",
    type,
    namespace: options.namespace,
    repeatable: false,
    signal: source.signal,
    accept: metadataOnly ? METADATA : undefined,
    query: {
      watch: true,
      allowWatchBookmarks: true,
      // Spread, so that the watches of one start do not end together ever after.
      timeoutSeconds: 300 + Math.floor(source.random() * 300),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      resourceVersion: initial ? position.newest : position.version,
      resourceVersionMatch: initial ? "NotOlderThan" : undefined,
      sendInitialEvents: initial ? true : undefined,
    },
  });
  const openedAt = clock.monotonic();
  let listing = initial;
  let quiet = true;
  let announced = !initial;
  for await (const line of watchLines(response, source)) {
    const frame = parseFrame(line, type, metadataOnly);
    if (frame === undefined) throw new MalformedWatchError(`${type.plural}: a line of the watch is no event`);
    quiet = false;
    if (frame.kind === "error") throw streamError(source, frame.status);
    if (frame.kind === "bookmark" && listing) {
      if (!frame.initialEventsEnd) continue;
      refuseOlder(source, position, frame.resourceVersion);
    }
    if (!announced) {
      // Not before: a server that is behind opens the stream and only then says so.
      announced = true;
      yield { type: "relist", reason: position.relistReason, ...(position.rewound ? { rewound: true } : {}) };
    }
    if (frame.kind === "bookmark") {
      const { resourceVersion } = frame;
      if (listing) {
        listing = false;
        advance(position, resourceVersion);
        yield { type: "synced", resourceVersion };
      } else {
        source.progress();
        advance(position, resourceVersion);
        yield { type: "bookmark", resourceVersion };
      }
      continue;
    }
    const { object, manager } = frame.received;
    if (!listing) {
      source.progress();
      advance(position, object.metadata.resourceVersion);
    }
    if (frame.kind === "deleted") yield { type: "deleted", object };
    // A change that overtakes the end of the streamed list belongs to the list: present is `added`.
    else yield { type: listing ? "added" : frame.kind, object, manager };
  }
  if (listing) throw new WatchStreamError("the stream ended before its list was complete");
  if (clock.monotonic() - openedAt >= SHORTEST_WATCH_MS) source.progress();
  else if (quiet) throw new WatchStreamError("the watch ended at once");
}

/** The complete list page by page, for API servers that do not stream it. */
export async function* pagedEvents(source: WatchSource, position: WatchPosition): AsyncGenerator<WatchEvent> {
  const { labelSelector, fieldSelector, namespace, metadataOnly } = source.options;
  const { signal } = source;
  const { newest: notOlderThan } = position;
  const options = { labelSelector, fieldSelector, namespace, metadataOnly, signal, notOlderThan };
  let begun = false;
  let resourceVersion = "";
  for await (const page of listPages(source.requests, source.type, options)) {
    refuseOlder(source, position, page.resourceVersion);
    if (!begun)
      yield { type: "relist", reason: position.relistReason, ...(position.rewound ? { rewound: true } : {}) };
    else if (page.restarted)
      yield {
        type: "relist",
        reason: "expired",
        ...(position.rewound ? { rewound: true } : {}),
      };
    begun = true;
    ({ resourceVersion } = page);
    for (const { object, manager } of page.objects) yield { type: "added", object, manager };
  }
  advance(position, resourceVersion);
  yield { type: "synced", resourceVersion };
}

/** The present version of the storage, by a quorum read of at most one object: never stale, whatever a cache says. */
export async function quorumVersion(source: WatchSource): Promise<string | undefined> {
  const { namespace } = source.options;
  const { signal } = source;
  const options = { namespace, signal, limit: 1, metadataOnly: true };
  for await (const page of listPages(source.requests, source.type, options)) return page.resourceVersion;
  return undefined;
}

function advance(position: WatchPosition, resourceVersion: string): void {
  position.version = resourceVersion;
  position.newest = resourceVersion;
  position.rewound = false;
}

function refuseOlder(source: WatchSource, position: WatchPosition, resourceVersion: string): void {
  if (position.newest === undefined || !isOlder(resourceVersion, position.newest)) return;
  const { connection } = source.requests;
  throw new KubeError({
    reason: "unavailable",
    detail: "versionTooLarge",
    dependency: connection,
    message: `${connection}: list ${source.type.plural}: the API server answered with resourceVersion ${resourceVersion}, older than ${position.newest} seen before; it is behind`,
  });
}

function streamError(source: WatchSource, status: ApiStatus): KubeError {
  const expired = status.reason === "Expired" || status.reason === "Gone";
  const seconds = status.details?.retryAfterSeconds ?? 0;
  const { type, requests } = source;
  return refusalError(
    { connection: requests.connection, what: `watch ${type.plural}`, type },
    {
      code: expired ? 410 : (status.code ?? 500),
      status,
      retryAfterMs: seconds > 0 ? seconds * 1000 : undefined,
    },
  );
}
