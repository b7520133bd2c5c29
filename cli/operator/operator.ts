import { allFunctions } from "#cli/functions.ts";
import { observeWith } from "#cli/operator/observe.ts";
import type { Broadcast } from "#cli/operator/broadcast.ts";
import { snapshotFigures } from "#cli/operator/snapshot-figures.ts";
import { version } from "#cli/version.ts";
import { defaultPolicy, type HubPolicy } from "#events/hub/policy.ts";
import { TraceMemory } from "#events/hub/trace-memory.ts";
import type { LedgerStore } from "#events/hub/records.ts";
import type { Shard } from "#events/hub/shard.ts";
import { startOperator, type Operator } from "#events/start.ts";
import { everyOne } from "#cli/operator/every-one.ts";
import { certificateFigures } from "#cli/operator/certificate-figures.ts";
import type { Runner } from "#events/transport/runner.ts";
import { harvesterClusterView } from "#platform/cluster-api/harvester-cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";
import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import { poolUse } from "#platform/harvester/ip-pool-use.ts";
import { ipPoolView } from "#platform/harvester/ip-pool.ts";
import type { ConnectionConfig } from "#platform/kube/connection-config.ts";
import { createRequestBudget } from "#platform/kube/request-budget.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { harvesterConnection, MANAGEMENT } from "#platform/kube/view.ts";
import type { Log } from "#platform/observability/log.ts";
import { createMetrics, type Metrics, type Snapshot } from "#platform/observability/metrics.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Contain } from "#platform/process/stray-rejections.ts";

export interface RunningOperatorOptions {
  readonly management: ConnectionConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly ledger: (management: KubeClient) => LedgerStore;
  /** Which objects of the management cluster are acted for; all when left out. */
  readonly shard?: Shard | undefined;
  /** Begins on standby; see the hub. */
  readonly standby?: boolean | undefined;
  readonly policy?: Partial<HubPolicy>;
  readonly dispatch: boolean;
  /** Where snapshots of etcd are kept. */
  readonly snapshotPlace?: SnapshotPlace | undefined;
  /** Requests per second to one API server; bursts of twice as many. */
  readonly requestsPerSecond: number;
  /** First part of attempt tokens when a Lease counts the leaders. */
  readonly epoch?: number | undefined;
  /** Whether this process still leads, by the clock: asked before every run and every write. Always when left out. */
  readonly mayAct?: (() => boolean) | undefined;
  /** Where handlers execute; in this process when left out. */
  readonly runner?: Runner | undefined;
  /** Keeps what one step leaves behind from ending the process; see the runner. */
  readonly contain?: Contain | undefined;
  /** Takes what happens for observers; nowhere when left out. */
  readonly broadcast?: Broadcast | undefined;
  /** Gives up a start that is still under way, e.g. because the management cluster does not answer: it then rejects at once. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunningOperator {
  readonly operator: Operator;
  readonly metrics: Metrics;
  /** What ran lately, and why. */
  readonly trace: TraceMemory;
  readonly management: KubeClient;
  stop(): Promise<void>;
}

/** Longest end, ms, of which runs under way get half: Kubernetes kills a process 30 s after it was asked to end. */
const LONGEST_STOP_MS = 20_000;

/** All functions in one process against a management cluster: what `run`, `hub --once`, `why` and `demo` share. */
export async function startRunningOperator(options: RunningOperatorOptions): Promise<RunningOperator> {
  const { clock, log } = options;
  const trace = new TraceMemory(clock);
  let operator: Operator | undefined;
  const metrics = createMetrics(() =>
    snapshotOf(operator, { now: clock.now(), leading: options.mayAct?.() !== false }),
  );
  const observe = observeWith({ log, metrics, clock, functions: allFunctions });
  const connect = (config: ConnectionConfig): KubeClient =>
    createKubeClient(config, {
      clock,
      random: options.random,
      userAgent: `capfn/${version}`,
      mayWrite: options.mayAct,
      budget: createRequestBudget({
        clock,
        requestsPerSecond: options.requestsPerSecond,
        burst: options.requestsPerSecond * 2,
        inFlight: 64,
      }),
      onRequest: ({ connection, verb, resource, status, error }) =>
        metrics.requests.inc({
          api: connection.split("/")[0] ?? "",
          verb,
          resource,
          status: status ?? error ?? "",
        }),
    });
  const management = connect(options.management);
  const giveUp = () => management.close();
  options.signal?.addEventListener("abort", giveUp, { once: true });
  if (options.signal?.aborted === true) giveUp();
  operator = await closingOnFailure(
    management,
    startOperator({
      management,
      functions: allFunctions,
      clock,
      random: options.random,
      policy: { ...defaultPolicy, ...options.policy },
      ledger: options.ledger(management),
      clusterId: MANAGEMENT,
      version,
      shard: options.shard,
      standby: options.standby,
      connect,
      observe: (event) => {
        observe(event);
        trace.record(event);
        // Of two replicas the one that leads tells.
        if (operator?.hub.leads ?? options.standby !== true) options.broadcast?.observe(event);
      },
      count: (counter) => metrics.count(counter),
      measureCreation: (seconds) => metrics.creationDuration.observe(seconds),
      dropped: (what, error) =>
        log.warn(
          { what, error: error instanceof Error ? error.name : "unknown" },
          "a report for people could not be written",
        ),
      dispatch: options.dispatch,
      epoch: options.epoch,
      mayAct: options.mayAct,
      snapshotPlace: options.snapshotPlace,
      contain: options.contain,
      runner: options.runner,
    }),
  );
  options.signal?.removeEventListener("abort", giveUp);
  const running = operator;
  return {
    operator: running,
    metrics,
    trace,
    management,
    stop: async () => {
      // A management cluster that does not answer must not hold up the end: the ledger then stays as it was stored last.
      const cancel = clock.schedule(LONGEST_STOP_MS, () => management.close());
      await running.stop(LONGEST_STOP_MS / 2);
      cancel();
      management.close();
    },
  };
}

async function closingOnFailure<T>(client: KubeClient, started: Promise<T>): Promise<T> {
  try {
    return await started;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** `now`: wall clock, ms. */
function snapshotOf(
  operator: Operator | undefined,
  { now, leading }: { readonly now: number; readonly leading: boolean },
): Snapshot {
  const hub = operator?.hub;
  // Of two replicas one tells of the machines, or sums over both would be twice what there is.
  if (hub?.leads !== true) {
    return {
      leading: false,
      ready: operator?.ready() ?? false,
      objects: hub?.index.size ?? 0,
      queued: 0,
      inFlight: 0,
      oldestQueuedMs: 0,
      parked: 0,
      openBreakers: [],
      machines: [],
      clusters: [],
      certificates: [],
      machineCertificates: [],
      secretCertificates: [],
      identityCertificates: [],
      pinnedServers: [],
      etcdSnapshots: [],
      pools: [],
    };
  }
  const harvesterClusters = everyOne(hub, harvesterClusterView);
  const machines = everyOne(hub, harvesterMachineView).map((machine) => ({
    cluster: `${machine.meta.namespace ?? ""}/${machine.metadata.labels["cluster.x-k8s.io/cluster-name"] ?? ""}`,
    machine: `${machine.meta.namespace ?? ""}/${machine.meta.name}`,
    ready: machine.status.ready === true,
  }));
  const clusters = harvesterClusters.map((cluster) => ({
    cluster: `${cluster.meta.namespace ?? ""}/${cluster.meta.name}`,
    ready: cluster.status.ready === true,
  }));
  const identities = new Map(
    harvesterClusters.map(({ spec: { identitySecret } }) => [
      harvesterConnection(identitySecret),
      identitySecret,
    ]),
  );
  const pools = [...identities].flatMap(([connection, { namespace, name }]) =>
    everyOne(hub, ipPoolView, connection).flatMap((pool) => {
      const use = poolUse(pool);
      return use === undefined ? [] : [{ harvester: `${namespace}/${name}`, pool: pool.meta.name, ...use }];
    }),
  );
  return {
    ...hub.figures(),
    leading,
    ready: operator?.ready() === true,
    machines,
    clusters,
    pools,
    ...certificateFigures(hub, now),
    ...snapshotFigures(hub, now),
  };
}
