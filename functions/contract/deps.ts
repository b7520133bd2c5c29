import type { EtcdClient } from "#platform/etcd/client.ts";
import type { EtcdEndpoint } from "#platform/etcd/gateway.ts";
import type { IncusClient } from "#platform/incus/client.ts";
import type { IncusEndpoint } from "#platform/incus/connection.ts";
import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import type { KubeReader, KubeWriter } from "#platform/kube/client.ts";
import type { SeenMeta } from "#platform/kube/view.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import type { CounterName } from "#platform/observability/counters.ts";

/**
 * The outside world as one attempt may touch it. Every write is refused once the attempt's deadline has passed, and is noted, so that
 * the hub knows which changes are the step's own.
 */
export interface Deps {
  readonly management: StepClient;
  /** The Harvester API of an identity Secret. Throws {@link KubeError} `unavailable` while there is no connection. */
  harvester(identity: { readonly namespace: string; readonly name: string }): Promise<StepClient>;
  /** The workload API of a Cluster. Throws {@link KubeError} `unavailable` while there is no connection. */
  workload(cluster: { readonly namespace: string; readonly name: string }): Promise<StepClient>;
  /** A client of one etcd member. Nothing is sent before its first call; what it changes is to be preceded by `ensureMayWrite`. */
  etcdMember(endpoint: EtcdEndpoint): EtcdClient;
  /** A client of LXD or Incus; as for etcd. */
  incus(endpoint: IncusEndpoint): IncusClient;
  /** Wall clock, for condition timestamps. */
  now(): Date;
  /** Aborts at the attempt's deadline. */
  readonly signal: AbortSignal;
  /**
   * Throws when the attempt may change nothing any more: its deadline has passed, or this process has lost the lead. Writes to API servers ask by
   * themselves; to be called right before any other write.
   */
  ensureMayWrite(): void;
  /** Where snapshots of etcd are kept; undefined when nothing is configured. */
  readonly snapshotPlace: SnapshotPlace | undefined;
  /** A Kubernetes Event on the object, for people. Best effort: it never fails a step. */
  announce(regarding: ObjectIdentity, event: Announcement): void;
  /** Notes how long a machine took from its creation to its first address, in seconds. */
  measureCreation(seconds: number): void;
  /** Adds one to a counter of the metrics catalogue. */
  count(counter: CounterName): void;
}

/** One API server as a step may use it: reads and noted writes, no watches. */
export type StepClient = KubeReader & KubeWriter;

/** The object an announcement is about. */
export interface ObjectIdentity {
  readonly type: ResourceType;
  readonly meta: SeenMeta;
}

/** A Kubernetes Event for people, before it is written. */
export interface Announcement {
  readonly type: "Normal" | "Warning";
  /** PascalCase, e.g. `VMCreated`. */
  readonly reason: string;
  /** Deterministic text: no timestamps, no server error text, never secret material. */
  readonly message: string;
}
