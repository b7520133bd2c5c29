import type { Written } from "#events/transport/runner.ts";
import type { Announcement, Deps, ObjectIdentity, StepClient } from "#functions/contract/deps.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { harvesterConnection, workloadConnection, type Connection } from "#platform/kube/view.ts";
import type { CounterName } from "#platform/observability/counters.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What a runner lends to every attempt. */
export interface RunnerWorld {
  readonly clock: Clock;
  /** The client of a connection, or undefined while there is none. */
  readonly client: (connection: Connection) => KubeClient | undefined;
  readonly announce: (regarding: ObjectIdentity, event: Announcement) => void;
  readonly count: (counter: CounterName) => void;
}

/** The outside world as one attempt may touch it: writes are noted, and refused once its signal has aborted. */
export function attemptDeps(world: RunnerWorld, signal: AbortSignal): { deps: Deps; written: Written[] } {
  const written: Written[] = [];
  const open = (connection: Connection): StepClient => {
    const client = world.client(connection);
    if (client === undefined) {
      throw new KubeError({
        reason: "unavailable",
        message: `no connection to ${connection}`,
        dependency: connection,
      });
    }
    return noting(client, signal, (type, object) => written.push({ connection, type, object }));
  };
  const deps: Deps = {
    management: open("management"),
    harvester: (identity) => attempt(() => open(harvesterConnection(identity))),
    workload: (cluster) => attempt(() => open(workloadConnection(cluster))),
    now: () => new Date(world.clock.now()),
    signal,
    announce: world.announce,
    count: world.count,
  };
  return { deps, written };
}

function attempt<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => resolve(act()));
}

function noting(
  client: KubeClient,
  signal: AbortSignal,
  note: (type: ResourceType, object: KubeObject) => void,
): StepClient {
  const write = async (type: ResourceType, send: () => Promise<KubeObject>): Promise<KubeObject> => {
    signal.throwIfAborted();
    const object = await send();
    note(type, object);
    return object;
  };
  return {
    connection: client.connection,
    get: (type, name, options) => client.get(type, name, { signal, ...options }),
    list: (type, options) => client.list(type, { signal, ...options }),
    create: (type, object, options) => write(type, () => client.create(type, object, { signal, ...options })),
    replace: (type, object, options) =>
      write(type, () => client.replace(type, object, { signal, ...options })),
    mergePatch: (type, name, patch, options) =>
      write(type, () => client.mergePatch(type, name, patch, { signal, ...options })),
    jsonPatch: (type, name, operations, options) =>
      write(type, () => client.jsonPatch(type, name, operations, { signal, ...options })),
    apply: (type, object, options) => write(type, () => client.apply(type, object, { signal, ...options })),
    delete: (type, name, options) => {
      signal.throwIfAborted();
      return client.delete(type, name, { signal, ...options });
    },
    deleteCollection: (type, options) => {
      signal.throwIfAborted();
      return client.deleteCollection(type, { signal, ...options });
    },
  };
}
