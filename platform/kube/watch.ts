import type { ApiRequests } from "#platform/kube/api-requests.ts";
import type { RelistReason, WatchEvent, WatchOptions } from "#platform/kube/client.ts";
import { KubeError, isKubeError } from "#platform/kube/errors.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { isOlder } from "#platform/kube/resource-version.ts";
import { createWatchBackoff } from "#platform/kube/watch-backoff.ts";
import {
  MalformedWatchError,
  pagedEvents,
  quorumVersion,
  streamEvents,
} from "#platform/kube/watch-source.ts";
import type { WatchPosition, WatchSource } from "#platform/kube/watch-source.ts";
import { sleep } from "#platform/process/clock.ts";
import type { Clock } from "#platform/process/clock.ts";

export interface WatchTuning {
  /** Longest silence of a watch; 90 s by default, as an API server sends a bookmark about every minute. */
  readonly silenceMs?: number | undefined;
  /** 16 MiB by default. */
  readonly longestLineBytes?: number | undefined;
}

export interface WatchDependencies {
  readonly requests: ApiRequests;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly tuning: WatchTuning;
  /** Shared by the watches of one client: whether its API server streams lists. Cleared by the first that is refused. */
  readonly lists: { streaming: boolean };
}

/** After so many failures of a kind in a row the same attempt is not made again. */
const MOST_BROKEN_STREAMED_LISTS = 2;
const MOST_MALFORMED_RESUMES = 3;
const ASK_FOR_QUORUM_AFTER = 5;

/** Failures in a row, by kind. */
interface Strikes {
  brokenLists: number;
  malformed: number;
  behind: number;
}

/** See {@link WatchEvent}. Ends when the signal aborts or the client is closed. */
export async function* watchResource(
  dependencies: WatchDependencies,
  type: ResourceType,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { requests, clock, random, tuning, lists } = dependencies;
  const signal = AbortSignal.any([options.signal, requests.closed]);
  const backoff = createWatchBackoff(random);
  const position: WatchPosition = {
    version: undefined,
    newest: options.notOlderThan,
    relistReason: "start",
    rewound: false,
  };
  const strikes: Strikes = { brokenLists: 0, malformed: 0, behind: 0 };
  const progress = (): void => {
    backoff.progress();
    Object.assign(strikes, { brokenLists: 0, malformed: 0, behind: 0 });
  };
  const source: WatchSource = {
    requests,
    clock,
    random,
    type,
    options,
    signal,
    progress,
    silenceMs: tuning.silenceMs ?? 90_000,
    longestLineBytes: tuning.longestLineBytes ?? 16 * 1024 * 1024,
  };
  while (!signal.aborted) {
    const listDue = position.version === undefined;
    const streamed = listDue && lists.streaming && strikes.brokenLists < MOST_BROKEN_STREAMED_LISTS;
    if (listDue && !streamed && options.streamedListOnly === true) return;
    try {
      if (listDue && !streamed) yield* pagedEvents(source, position);
      else yield* streamEvents(source, position, streamed);
    } catch (error) {
      if (signal.aborted) return;
      if (streamed && isKubeError(error, "invalid")) {
        // Before Kubernetes 1.34 or with the feature off: refused as an invalid option. The paged list tells other mistakes.
        lists.streaming = false;
        continue;
      }
      if (streamed && position.version === undefined && brokeOff(error)) strikes.brokenLists += 1;
      const first = backoff.failures === 0;
      const retryInMs = backoff.failed(error instanceof KubeError ? error.retryAfterMs : undefined);
      await reposition(source, { position, strikes, error });
      // An expired version is normal after a pause; only when it happens again at once is it a fault worth waiting for.
      if (first && isKubeError(error, "gone")) continue;
      yield {
        type: "disrupted",
        error: error instanceof Error ? error : new Error("watch failed"),
        retryInMs,
      };
      await sleep(clock, retryInMs, signal).catch(() => {});
    }
  }
}

/** Not refused, but never finished: as behind a proxy that holds the stream back. */
function brokeOff(error: unknown): boolean {
  return !(error instanceof KubeError) || error.reason === "timeout";
}

/** Decides whether the watch resumes where it was or has to list again. */
async function reposition(
  source: WatchSource,
  failure: { readonly position: WatchPosition; readonly strikes: Strikes; readonly error: unknown },
): Promise<void> {
  const { position, strikes, error } = failure;
  if (isKubeError(error, "gone")) {
    relist(position, "expired");
    return;
  }
  strikes.malformed = error instanceof MalformedWatchError ? strikes.malformed + 1 : 0;
  if (strikes.malformed >= MOST_MALFORMED_RESUMES) {
    strikes.malformed = 0;
    relist(position, "unreadable");
    return;
  }
  const behind = isKubeError(error) && error.detail === "versionTooLarge";
  strikes.behind = behind ? strikes.behind + 1 : 0;
  if (strikes.behind < ASK_FOR_QUORUM_AFTER || position.newest === undefined) return;
  strikes.behind = 0;
  const present = await quorumVersion(source).catch(() => undefined);
  if (present === undefined || !isOlder(present, position.newest)) return;
  // Not a lagging cache: the storage itself is older, as after a restore from a backup. Waiting would last for ever.
  position.newest = undefined;
  position.rewound = true;
  relist(position, "rewound");
}

function relist(position: WatchPosition, reason: RelistReason): void {
  position.version = undefined;
  position.relistReason = reason;
}
