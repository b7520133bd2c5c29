import { Hub } from "#events/hub/hub.ts";
import type { HubObserver } from "#events/hub/observer.ts";
import type { HubPolicy } from "#events/hub/policy.ts";
import type { LedgerStore } from "#events/hub/records.ts";
import { silentReporter } from "#events/hub/reporter.ts";
import { scopesIn, type Shard } from "#events/hub/shard.ts";
import { kubeAnnouncer } from "#events/sources/announcer.ts";
import { Connections } from "#events/sources/connections.ts";
import { kubeReporter } from "#events/sources/kube-reporter.ts";
import { Streams } from "#events/sources/streams.ts";
import { inProcessRunner } from "#events/transport/in-process.ts";
import type { Runner } from "#events/transport/runner.ts";
import type { StepFunction } from "#functions/contract/function.ts";
import { connectionStateView } from "#platform/cluster-api/connection-state.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import type { KubeClient, WatchEvent } from "#platform/kube/client.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { MANAGEMENT, type Connection, type ResourceView } from "#platform/kube/view.ts";
import type { CounterName } from "#platform/observability/counters.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

export interface OperatorOptions {
  readonly management: KubeClient;
  readonly functions: readonly StepFunction[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly policy: HubPolicy;
  readonly ledger: LedgerStore;
  readonly clusterId: string;
  /** Version of the functions' code; see the hub's `bundleOf`. */
  readonly version: string;
  /** Which objects of the management cluster are acted for; all when left out. */
  readonly shard?: Shard | undefined;
  /** Begins on standby: everything is listed and watched, nothing is concluded or written, until the hub is told to lead. */
  readonly standby?: boolean | undefined;
  /** Makes the client of a Harvester or workload connection. */
  readonly connect: (config: ConnectionConfig) => KubeClient;
  readonly observe: HubObserver;
  readonly count: (counter: CounterName) => void;
  /** Takes the seconds from a machine's creation to its first address. */
  readonly measureCreation?: (seconds: number) => void;
  /** Where snapshots of etcd are kept. */
  readonly snapshotPlace?: SnapshotPlace | undefined;
  /** Told of a report for people that could not be written. */
  readonly dropped: (what: string, error: unknown) => void;
  /** False: judge everything, run nothing, write nothing. */
  readonly dispatch: boolean;
  /** Pause before an unreachable API server is connected anew, ms. */
  readonly reconnectMs?: number;
  /** How long a stream nobody looks at is kept, ms. */
  readonly lingerMs?: number;
  /** Time between two audits of a stream, ms: is everything its API server has in the index? */
  readonly auditMs?: number;
  /** First part of every attempt token, when a Lease counts the leaders. */
  readonly epoch?: number | undefined;
  /** Where handlers execute; in this process when left out. */
  readonly runner?: Runner | undefined;
  /** Keeps what one step leaves behind from ending the process; see the runner. */
  readonly contain?: Contain | undefined;
  /** Whether this process still leads, by the clock; see the hub's `mayAct`. */
  readonly mayAct?: (() => boolean) | undefined;
}

/** A hub with its sources and the in-process runner, running. */
export interface Operator {
  readonly hub: Hub;
  readonly streams: Streams;
  /** Every stream that is wanted has had its first complete list and was heard of lately, or belongs to a connection that is down. */
  ready(): boolean;
  stop(graceMs?: number): Promise<void>;
}

/** Wires hub, streams, connections and runner together and starts them. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const { management, clock, shard = {} } = options;
  const announce = options.dispatch ? kubeAnnouncer(management, clock, options.dropped) : () => undefined;
  const streams: Streams = new Streams({
    clock,
    lingerMs: options.lingerMs ?? 600_000,
    health: (connection) => ({
      alive: () => connections.alive(connection),
      disrupted: (error) => connections.disrupted(connection, error),
    }),
    connectionWanted: (connection) => {
      hub.connectionWanted(connection);
      connections.want(connection);
    },
    connectionUnwanted: (connection) => {
      connections.unwant(connection);
      hub.connectionUnwanted(connection);
    },
    audit: { everyMs: options.auditMs ?? 600_000, random: options.random, observe: options.observe },
    deliver: (view, scope, event) => {
      hub.receive(view, scope, event);
      if (view === secretView) passOnSecret(connections, event);
    },
  });
  const hub: Hub = new Hub({
    functions: options.functions,
    clusterId: options.clusterId,
    clock,
    random: options.random,
    observe: options.observe,
    policy: options.policy,
    ledger: options.ledger,
    demand: streams,
    dispatch: options.dispatch,
    epoch: options.epoch,
    mayAct: options.mayAct,
    shard,
    standby: options.standby,
    bundleOf: () => options.version,
    reporter: options.dispatch
      ? kubeReporter({ client: management, clock, announce, dropped: options.dropped })
      : silentReporter,
    runner:
      options.runner ??
      inProcessRunner(
        {
          clock,
          announce,
          count: options.count,
          measureCreation: options.measureCreation ?? (() => undefined),
          management: () => streams.client(MANAGEMENT),
          client: (connection) => streams.client(connection),
          mayWrite: options.mayAct,
          snapshotPlace: options.snapshotPlace,
        },
        { contain: options.contain },
      ),
    scopesOf: (view, connection, namespace) => scopesIn(shard, view, connection, namespace),
  });
  const connections: Connections = new Connections({
    management,
    clock,
    connect: options.connect,
    up: (connection, client, cluster) => {
      hub.connected(connection, cluster);
      streams.connected(connection, client);
    },
    down: (connection) => streams.disconnected(connection),
    publish: (state) => hub.publish(connectionStateView, state),
    withdraw: (state) => hub.withdraw(connectionStateView, state),
    retryMs: options.reconnectMs ?? 10_000,
  });
  streams.attach(hub);
  await hub.start();
  streams.connected(MANAGEMENT, management);
  for (const view of managementViews(options.functions))
    for (const scope of scopesIn(shard, view, MANAGEMENT, undefined)) streams.wanted(view, scope);
  return {
    hub,
    streams,
    ready: () => streams.state().every(({ ready, connection }) => ready || isDown(hub, connection)),
    stop: async (graceMs) => {
      await hub.stop(graceMs);
      streams.stop();
      connections.stop();
    },
  };
}

/**
 * What is watched from the start: the objects the functions are for, unless their kind need not be installed, and Secrets, whose change replaces a
 * connection.
 */
function managementViews(functions: readonly StepFunction[]): Set<ResourceView<unknown>> {
  const own = functions.map((fn) => fn.for).filter(({ mayBeMissing }) => mayBeMissing !== true);
  return new Set<ResourceView<unknown>>([...own, secretView]);
}

/** A changed Secret replaces the connections that were made from it. */
function passOnSecret(connections: Connections, event: WatchEvent): void {
  if (event.type !== "added" && event.type !== "modified" && event.type !== "deleted") return;
  const { namespace, name, resourceVersion } = event.object.metadata;
  connections.secretChanged(namespace ?? "", name, event.type === "deleted" ? "absent" : resourceVersion);
}

function isDown(hub: Hub, connection: Connection): boolean {
  return hub.index.get(connectionStateView, { connection: "hub", name: connection })?.state === "failed";
}
