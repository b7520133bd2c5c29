import type { WriteNote, Written } from "#events/transport/runner.ts";
import type { Announcement, Deps, ObjectIdentity, StepClient } from "#functions/contract/deps.ts";
import { createEtcdClient } from "#platform/etcd/client.ts";
import { createIncusClient } from "#platform/incus/client.ts";
import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import type { KubeClient, RequestOptions } from "#platform/kube/client.ts";
import { KubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { harvesterConnection, MANAGEMENT, workloadConnection, type Connection } from "#platform/kube/view.ts";
import type { CounterName } from "#platform/observability/counters.ts";
import type { Clock } from "#platform/process/clock.ts";

/** What a runner lends to every attempt. */
export interface RunnerWorld {
  readonly clock: Clock;
  /** The client of the management cluster, or undefined while there is none. */
  readonly management: () => KubeClient | undefined;
  /** The client of another connection, or undefined while there is none. */
  readonly client: (connection: Connection) => KubeClient | undefined | Promise<KubeClient | undefined>;
  readonly announce: (regarding: ObjectIdentity, event: Announcement) => void;
  readonly count: (counter: CounterName) => void;
  readonly measureCreation: (seconds: number) => void;
  /** Whether who runs the attempt may still act, asked right before each write leaves; always when left out. */
  readonly mayWrite?: (() => boolean) | undefined;
  readonly snapshotPlace?: SnapshotPlace | undefined;
}

/** Another process acts by now, or will. It is nobody's fault, so it uses no object's budget. */
function rightLost(): KubeError {
  return new KubeError({
    reason: "unavailable",
    detail: "notSent",
    message: "this process may not act any more, so it changes nothing",
    dependency: MANAGEMENT,
  });
}

/** What an attempt did to the outside world, while it does it. */
export interface Trace {
  readonly written: Written[];
  readonly writes: WriteNote[];
  /** Connections of the API servers that answered anything. */
  readonly reached: Set<Connection>;
}

/** The outside world as one attempt may touch it: writes are noted, and refused once its signal has aborted. */
export function attemptDeps(world: RunnerWorld, signal: AbortSignal): { deps: Deps } & Trace {
  const trace: Trace = { written: [], writes: [], reached: new Set() };
  const open = (connection: Connection, client: KubeClient | undefined): StepClient => {
    if (client === undefined) {
      throw new KubeError({
        reason: "unavailable",
        detail: "notSent",
        message: `no connection to ${connection}`,
        dependency: connection,
      });
    }
    return noting(client, { signal, mayWrite: world.mayWrite }, trace);
  };
  const dial = async (connection: Connection) => open(connection, await world.client(connection));
  const deps: Deps = {
    management: open(MANAGEMENT, world.management()),
    harvester: (identity) => dial(harvesterConnection(identity)),
    workload: (cluster) => dial(workloadConnection(cluster)),
    etcdMember: createEtcdClient,
    incus: createIncusClient,
    now: () => new Date(world.clock.now()),
    signal,
    ensureMayWrite: () => {
      signal.throwIfAborted();
      if (world.mayWrite?.() === false) throw rightLost();
    },
    snapshotPlace: world.snapshotPlace,
    announce: world.announce,
    count: world.count,
    measureCreation: world.measureCreation,
  };
  return { deps, ...trace };
}

function noting(
  client: KubeClient,
  { signal, mayWrite }: { signal: AbortSignal; mayWrite: RunnerWorld["mayWrite"] },
  { written, writes, reached }: Trace,
): StepClient {
  const { connection } = client;
  const heard = (error?: unknown) => {
    if (error === undefined || (error instanceof KubeError && error.status !== undefined))
      reached.add(connection);
  };
  const ask = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      const answer = await send();
      heard();
      return answer;
    } catch (error) {
      heard(error);
      throw error;
    }
  };
  const change = <T>(send: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    return ask(send);
  };
  const write = async (
    verb: string,
    { type, subresource }: { type: ResourceType; subresource?: string | undefined },
    send: () => Promise<KubeObject>,
  ): Promise<KubeObject> => {
    const object = await change(send);
    written.push({ connection, type, object });
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
    writes.push({ verb, connection, resource, namespace, name, eventId: `${uid}/${resourceVersion}` });
    return object;
  };
  /** The attempt's signal counts, whatever else a step passes. */
  const bound = ({ signal: own }: RequestOptions = {}): RequestOptions => ({
    signal: own === undefined ? signal : AbortSignal.any([signal, own]),
    ...(mayWrite !== undefined && { mayWrite }),
  });
  return {
    connection,
    get: (type, name, options) => ask(() => client.get(type, name, { ...options, ...bound(options) })),
    list: async function* (type, options) {
      for await (const object of client.list(type, { ...options, ...bound(options) })) {
        heard();
        yield object;
      }
      heard();
    },
    create: (type, object, options) =>
      write("create", { type }, () => client.create(type, object, { ...options, ...bound(options) })),
    replace: (type, object, options) =>
      write("update", { type }, () => client.replace(type, object, { ...options, ...bound(options) })),
    mergePatch: (type, name, patch, options) =>
      write("patch", { ...options, type }, () =>
        client.mergePatch(type, name, patch, { ...options, ...bound(options) }),
      ),
    jsonPatch: (type, name, operations, options) =>
      write("patch", { ...options, type }, () =>
        client.jsonPatch(type, name, operations, { ...options, ...bound(options) }),
      ),
    apply: (type, object, options) =>
      write("patch", { ...options, type }, () =>
        client.apply(type, object, { ...options, ...bound(options) }),
      ),
    delete: async (type, { namespace, name }, options) => {
      const found = await change(() =>
        client.delete(type, { namespace, name }, { ...options, ...bound(options) }),
      );
      const eventId = `${options.uid}/`;
      if (found) writes.push({ verb: "delete", connection, resource: type.plural, namespace, name, eventId });
      return found;
    },
    requestToken: async (account, options) => {
      const issued = await change(() => client.requestToken(account, { ...options, ...bound(options) }));
      writes.push({ verb: "create", connection, resource: "serviceaccounts/token", ...account });
      return issued;
    },
    deleteCollection: async (type, options) => {
      await change(() => client.deleteCollection(type, { ...options, ...bound(options) }));
      const { namespace } = options;
      writes.push({ verb: "deletecollection", connection, resource: type.plural, namespace, name: "" });
    },
  };
}
