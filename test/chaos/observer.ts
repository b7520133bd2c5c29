import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { History, type Observation } from "#test/chaos/history.ts";
import { type Api, observed } from "#test/chaos/stage.ts";
import { trialOf } from "#test/chaos/trial-names.ts";

/** Watches everything of all trials with clients of its own, and sorts it by trial. */
export interface Observer {
  /** Begins to record a trial. */
  record(trial: string): History;
  forget(trial: string): void;
  stop(): void;
}

/** Resolves when the first lists are complete. */
export async function startObserver(clients: Readonly<Record<Api, KubeClient>>): Promise<Observer> {
  const histories = new Map<string, History>();
  const ending = new AbortController();
  const take = (observation: Observation): void => {
    const trial = trialOf(observation.object.metadata);
    if (trial !== undefined) histories.get(trial)?.take(observation);
  };
  await Promise.all(
    observed.map(({ api, type }) => follow(clients[api], { api, type }, take, ending.signal)),
  );
  return {
    record: (trial) => {
      const history = new History();
      histories.set(trial, history);
      return history;
    },
    forget: (trial) => void histories.delete(trial),
    stop: () => ending.abort(),
  };
}

/** Resolves with the first complete list; goes on until the signal aborts. */
function follow(
  client: KubeClient,
  { api, type }: { api: Api; type: ResourceType },
  take: (observation: Observation) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise: synced, resolve, reject } = Promise.withResolvers<void>();
  const known = new Map<string, KubeObject>();
  const tell = (object: KubeObject, gone: boolean, version = object.metadata.resourceVersion): void => {
    const key = `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
    if (trialOf(object.metadata) === undefined) return;
    if (gone) known.delete(key);
    else known.set(key, object);
    take({ api, resource: type.plural, key, object, gone, revision: BigInt(version) });
  };
  const run = async (): Promise<void> => {
    let unseen: Set<string> | undefined;
    for await (const event of client.watch(type, { signal })) {
      switch (event.type) {
        case "relist":
          unseen = new Set(known.keys());
          break;
        case "added":
        case "modified":
          unseen?.delete(`${event.object.metadata.namespace ?? ""}/${event.object.metadata.name}`);
          tell(event.object, false);
          break;
        case "deleted":
          tell(event.object, true);
          break;
        case "synced":
          for (const key of unseen ?? []) {
            const object = known.get(key);
            if (object !== undefined) tell(object, true, event.resourceVersion);
          }
          unseen = undefined;
          resolve();
          break;
        case "bookmark":
        case "disrupted":
          break;
      }
    }
  };
  void run().catch(reject);
  return synced;
}
