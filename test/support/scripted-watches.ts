import type { KubeClient, WatchEvent, WatchOptions } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";

/** One watch a consumer has opened; the test says what it yields. */
export interface ScriptedWatch {
  readonly type: ResourceType;
  readonly options: WatchOptions;
  readonly ended: boolean;
  emit(...events: WatchEvent[]): void;
  /** Ends the watch without or with an error, as no real one does. */
  end(error?: Error): void;
}

/** A client that can only watch. */
export function scriptedWatches(connection = "management"): { client: KubeClient; watches: ScriptedWatch[] } {
  const watches: ScriptedWatch[] = [];
  const watch = (type: ResourceType, options: WatchOptions): AsyncIterable<WatchEvent> => {
    const waiting: WatchEvent[] = [];
    let wake: () => void = () => undefined;
    let over = false;
    let failure: Error | undefined;
    const scripted = {
      type,
      options,
      get ended() {
        return over || options.signal.aborted;
      },
      emit: (...events: WatchEvent[]) => {
        waiting.push(...events);
        wake();
      },
      end: (error?: Error) => {
        over = true;
        failure = error;
        wake();
      },
    };
    watches.push(scripted);
    options.signal.addEventListener("abort", () => wake(), { once: true });
    return (async function* () {
      try {
        for (;;) {
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else if (failure !== undefined) throw failure;
          else if (over || options.signal.aborted) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        over = true;
      }
    })();
  };
  const client = { connection, watch, close: () => undefined } as unknown as KubeClient;
  return { client, watches };
}
