import type { Announcement, Deps, ObjectIdentity } from "#functions/contract/deps.ts";
import { createEtcdClient } from "#platform/etcd/client.ts";
import { createIncusClient } from "#platform/incus/client.ts";
import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import type { CounterName } from "#platform/observability/counters.ts";
import { FakeApi, type RecordedRequest } from "#test/support/fake-api.ts";

export interface FakeDeps extends Deps {
  readonly management: FakeApi;
  readonly harvesterApi: FakeApi;
  readonly workloadApi: FakeApi;
  /** Requests to all APIs, in the order sent. */
  readonly requests: RecordedRequest[];
  readonly announced: { readonly regarding: ObjectIdentity; readonly event: Announcement }[];
  readonly counted: CounterName[];
  /** Seconds handed to `measureCreation`. */
  readonly measured: number[];
  /** Requests in short, e.g. `harvester create virtualmachines demo/m-0`. */
  summary(): string[];
  /** Throws `error` at the n-th request over all APIs (from 0): before it takes effect, or after (the answer is lost). */
  failAt(n: number, error: Error, moment?: "before" | "after"): void;
}

export interface FakeDepsOptions {
  readonly management?: readonly object[];
  readonly harvester?: readonly object[];
  readonly workload?: readonly object[];
  readonly now?: Date;
  /** False: the process has lost the lead. */
  readonly mayWrite?: boolean;
  readonly snapshotPlace?: SnapshotPlace;
  /** Thrown instead of handing out the client: there is no connection. */
  readonly harvesterError?: Error;
  readonly workloadError?: Error;
}

/**
 * Deps over three in-memory API servers that hold the objects given. Objects need apiVersion, kind and metadata.name; uid and
 * resourceVersion are filled in.
 */
export function fakeDeps(options: FakeDepsOptions = {}): FakeDeps {
  const requests: RecordedRequest[] = [];
  const faults: { n: number; error: Error; moment: "before" | "after" }[] = [];
  const api = (name: string, objects: readonly object[] = []): FakeApi => {
    const made = new FakeApi(name, {
      requests,
      faultAt: (n, moment) => faults.find((fault) => fault.n === n && fault.moment === moment)?.error,
    });
    for (const object of objects) made.put(object);
    return made;
  };
  const management = api("management", options.management);
  const harvesterApi = api("harvester", options.harvester);
  const workloadApi = api("workload", options.workload);
  const announced: FakeDeps["announced"] = [];
  const counted: CounterName[] = [];
  const measured: number[] = [];
  return {
    management,
    harvesterApi,
    workloadApi,
    requests,
    announced,
    counted,
    measured,
    harvester: () =>
      options.harvesterError === undefined
        ? Promise.resolve(harvesterApi)
        : Promise.reject(options.harvesterError),
    workload: () =>
      options.workloadError === undefined
        ? Promise.resolve(workloadApi)
        : Promise.reject(options.workloadError),
    etcdMember: createEtcdClient,
    incus: createIncusClient,
    now: () => options.now ?? new Date("2026-01-01T00:00:00Z"),
    signal: new AbortController().signal,
    ensureMayWrite: () => {
      if (options.mayWrite === false) throw new Error("no longer leading");
    },
    snapshotPlace: options.snapshotPlace,
    announce: (regarding, event) => void announced.push({ regarding, event }),
    measureCreation: (seconds) => void measured.push(seconds),
    count: (counter) => void counted.push(counter),
    summary: () =>
      requests.map(({ api, verb, plural, namespace, name, subresource }) =>
        [
          api,
          verb,
          subresource === undefined ? plural : `${plural}/${subresource}`,
          [namespace, name].filter((part) => part !== undefined).join("/"),
        ]
          .filter((part) => part !== "")
          .join(" "),
      ),
    failAt: (n, error, moment = "before") => void faults.push({ n, error, moment }),
  };
}

/** The part of a view a function sees besides its fields. */
export function metaOf(object: KubeObject, connection = "management") {
  const { namespace, name, uid, resourceVersion, generation, deletionTimestamp, creationTimestamp } =
    object.metadata;
  return {
    connection,
    namespace,
    name,
    uid,
    resourceVersion,
    generation,
    deletionTimestamp,
    creationTimestamp,
  };
}
