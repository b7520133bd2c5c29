import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { counters, type CounterName } from "#platform/observability/counters.ts";
import { registerLifeSigns, type LifeSigns } from "#platform/observability/life-signs.ts";

/** Latencies from a tenth of a millisecond to ten seconds. */
const LATENCY_BUCKETS = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Figures read at the moment of a scrape. */
export interface Snapshot extends LifeSigns {
  readonly objects: number;
  readonly queued: number;
  readonly inFlight: number;
  readonly oldestQueuedMs: number;
  readonly parked: number;
  readonly openBreakers: readonly string[];
  /** `<namespace>/<name>` -> ready, with the cluster it belongs to. */
  readonly machines: readonly {
    readonly cluster: string;
    readonly machine: string;
    readonly ready: boolean;
  }[];
  readonly clusters: readonly { readonly cluster: string; readonly ready: boolean }[];
  /** By the last look at them; `certificate` is `kubeconfig`, `authority` or `apiServer`. Negative when it has expired. */
  readonly certificates: readonly {
    readonly cluster: string;
    readonly certificate: string;
    readonly daysLeft: number;
  }[];
  /** What the machines of a cluster serve with: of each kind of server the one that ends first. */
  readonly machineCertificates: readonly {
    readonly cluster: string;
    readonly server: string;
    readonly daysLeft: number;
  }[];
  /** Certificates in Secrets that are marked to be watched over, by the last look at them; no others. */
  readonly secretCertificates: readonly {
    readonly namespace: string;
    readonly secret: string;
    readonly daysLeft: number;
  }[];
  /** Clusters whose etcd is to be saved regularly. */
  readonly etcdSnapshots: readonly {
    readonly cluster: string;
    /** Since the last one; without any, since the Cluster was made. */
    readonly ageSeconds: number;
    /** Between two, as the Cluster asks for. */
    readonly everySeconds: number;
  }[];
  /** Identities of LXD and Incus that are marked, by the last look; `certificate` is `client` or `server`. */
  readonly identityCertificates: readonly {
    readonly namespace: string;
    readonly secret: string;
    readonly certificate: string;
    readonly daysLeft: number;
  }[];
  /** Those that pin a server's certificate, and whether the server shows it. */
  readonly pinnedServers: readonly {
    readonly namespace: string;
    readonly secret: string;
    readonly shown: boolean;
  }[];
  /** IPPools the hub looks at whose ranges can be read; `harvester` is the identity Secret, `<namespace>/<name>`. */
  readonly pools: readonly {
    readonly harvester: string;
    readonly pool: string;
    readonly capacity: number;
    readonly used: number;
    readonly free: number;
  }[];
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Every metric there is. Names with `caphv_` are those of the Go provider; the rest is ours. Without a snapshot there are no gauges. */
export function createMetrics(snapshot?: () => Snapshot) {
  const registry = new Registry();
  const registers = [registry];
  const plain = new Map<CounterName, Counter>();
  for (const name of counterNames()) plain.set(name, new Counter({ name, help: counters[name], registers }));
  if (snapshot !== undefined) registerGauges(registers, snapshot);
  return {
    registry,
    count: (name: CounterName) => plain.get(name)?.inc(),
    outcomes: new Counter({
      name: "capfn_outcomes_total",
      help: "Ended runs by function and outcome",
      labelNames: ["function", "outcome"],
      registers,
    }),
    faults: new Counter({
      name: "capfn_faults_total",
      help: "Runs that ended by a fault, by whose it was: conflict (the object had changed), platform (no answer, no right, no pod), object",
      labelNames: ["function", "cause"],
      registers,
    }),
    wake: new Histogram({
      name: "capfn_wake_latency_seconds",
      help: "From the change that made work to the handler's start",
      labelNames: ["function"],
      buckets: LATENCY_BUCKETS,
      registers,
    }),
    machineDuration: new Histogram({
      name: "caphv_machine_reconcile_duration_seconds",
      help: "Duration of one step for a HarvesterMachine",
      labelNames: ["operation"],
      registers,
    }),
    clusterDuration: new Histogram({
      name: "caphv_cluster_reconcile_duration_seconds",
      help: "Duration of one step for a HarvesterCluster",
      labelNames: ["operation"],
      registers,
    }),
    nodeInitDuration: new Histogram({
      name: "caphv_node_init_duration_seconds",
      help: "Duration of initialising one Node",
      buckets: [0.005, 0.05, 0.5, 1, 2, 4, 8, 16, 32, 64],
      registers,
    }),
    creationDuration: new Histogram({
      name: "caphv_machine_creation_duration_seconds",
      help: "From the HarvesterMachine's creation to its first address",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    }),
    broadcast: new Counter({
      name: "capfn_broadcast_events_total",
      help: "Events for observers by what became of them: sent, dropped because the buffer was full, refused by the receiver",
      labelNames: ["result"],
      registers,
    }),
    broadcastBuffered: new Gauge({
      name: "capfn_broadcast_buffered_events",
      help: "Events for observers that are still to be sent",
      registers,
    }),
    late: new Counter({
      name: "capfn_late_outcomes_total",
      help: "Outcomes of abandoned attempts, dropped",
      registers,
    }),
    missed: new Counter({
      name: "capfn_missed_deltas_total",
      help: "Changes a watch did not deliver, found by the auditor",
      registers,
    }),
    relists: new Counter({
      name: "capfn_watch_restarts_total",
      help: "Watches that had to list anew",
      labelNames: ["reason"],
      registers,
    }),
    disruptions: new Counter({
      name: "capfn_watch_disruptions_total",
      help: "Watches that broke and were resumed",
      registers,
    }),
    requests: new Counter({
      name: "capfn_requests_total",
      help: "Requests by API server kind, verb, resource and status",
      labelNames: ["api", "verb", "resource", "status"],
      registers,
    }),
    thrashing: new Counter({
      name: "capfn_thrash_delays_total",
      help: "Looks delayed because an item keeps being undone",
      labelNames: ["function"],
      registers,
    }),
    ingressRequests: new Counter({
      name: "capfn_ingress_requests_total",
      help: "Requests to the ingress by path, sender and status",
      labelNames: ["path", "sender", "status"],
      registers,
    }),
    ingressSenders: new Gauge({
      name: "capfn_ingress_sender_has_token",
      help: "0 for a sender whose token file was emptied or taken away, so that it is refused; 1 when it has a token again",
      labelNames: ["sender"],
      registers,
    }),
    ingressAlerts: new Counter({
      name: "capfn_ingress_alerts_total",
      help: "Alerts by what became of them: stored, known, closed, refused",
      labelNames: ["result"],
      registers,
    }),
    ingressOversized: new Counter({
      name: "capfn_ingress_oversized_total",
      help: "Webhooks of Alertmanager that were too large to be taken",
      labelNames: ["sender"],
      registers,
    }),
    predicateFailures: new Counter({
      name: "capfn_predicate_failures_total",
      help: "Objects that could not be judged because a relation or predicate of the function threw: an error in capfn",
      labelNames: ["function"],
      registers,
    }),
    unreadable: new Counter({
      name: "capfn_unreadable_objects_total",
      help: "Objects that do not fit their kind",
      registers,
    }),
  };
}

function registerGauges(registers: Registry[], snapshot: () => Snapshot): void {
  const gauge = (name: string, help: string, read: (now: Snapshot) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(snapshot()));
      },
    });
  registerLifeSigns(registers, snapshot);
  gauge("capfn_index_objects", "Objects the hub knows", ({ objects }) => objects);
  gauge("capfn_queue_length", "Items in line", ({ queued }) => queued);
  gauge("capfn_in_flight", "Keys with a run under way", ({ inFlight }) => inFlight);
  gauge(
    "capfn_queue_oldest_age_seconds",
    "Age of the item that is first in line",
    ({ oldestQueuedMs }) => oldestQueuedMs / 1000,
  );
  gauge("capfn_parked", "Items that wait for a person or a change of spec", ({ parked }) => parked);
  gauge(
    "capfn_open_breakers",
    "API servers that are held back because they do not answer",
    ({ openBreakers }) => openBreakers.length,
  );
  const status = new Gauge({
    name: "caphv_machine_status",
    help: "1 when the machine is ready, else 0",
    labelNames: ["cluster", "machine"],
    registers,
    collect() {
      status.reset();
      for (const { cluster, machine, ready } of snapshot().machines)
        status.set({ cluster, machine }, ready ? 1 : 0);
    },
  });
  const clusters = new Gauge({
    name: "caphv_cluster_ready",
    help: "1 when the cluster's infrastructure is ready, else 0",
    labelNames: ["cluster"],
    registers,
    collect() {
      clusters.reset();
      for (const { cluster, ready } of snapshot().clusters) clusters.set({ cluster }, ready ? 1 : 0);
    },
  });
  const certificates = new Gauge({
    name: "capfn_certificate_days_left",
    help: "Days until a certificate of a workload cluster expires, negative since it has",
    labelNames: ["cluster", "certificate"],
    registers,
    collect() {
      certificates.reset();
      for (const { cluster, certificate, daysLeft } of snapshot().certificates)
        certificates.set({ cluster, certificate }, daysLeft);
    },
  });
  const ofMachines = new Gauge({
    name: "capfn_machine_certificate_days_left",
    help: "Days until the first certificate that machines of a cluster serve with expires, by server",
    labelNames: ["cluster", "server"],
    registers,
    collect() {
      ofMachines.reset();
      for (const { cluster, server, daysLeft } of snapshot().machineCertificates)
        ofMachines.set({ cluster, server }, daysLeft);
    },
  });
  const ofSecrets = new Gauge({
    name: "capfn_secret_certificate_days_left",
    help: "Days until the certificate in a marked Secret expires, negative since it has",
    labelNames: ["namespace", "secret"],
    registers,
    collect() {
      ofSecrets.reset();
      for (const { namespace, secret, daysLeft } of snapshot().secretCertificates)
        ofSecrets.set({ namespace, secret }, daysLeft);
    },
  });
  registerIdentityGauges(registers, snapshot);
  registerSnapshotGauges(registers, snapshot);
  const ofPools = (name: string, help: string, read: (pool: Snapshot["pools"][number]) => number): void => {
    const pools = new Gauge({
      name,
      help,
      labelNames: ["harvester", "pool"],
      registers,
      collect() {
        pools.reset();
        for (const pool of snapshot().pools)
          pools.set({ harvester: pool.harvester, pool: pool.pool }, read(pool));
      },
    });
  };
  ofPools("capfn_ippool_addresses", "Addresses an IPPool can give out", ({ capacity }) => capacity);
  ofPools("capfn_ippool_addresses_used", "Addresses of an IPPool that are allocated", ({ used }) => used);
  ofPools("capfn_ippool_addresses_free", "Addresses of an IPPool that are free", ({ free }) => free);
}

function registerSnapshotGauges(registers: Registry[], snapshot: () => Snapshot): void {
  const figures = [
    [
      "capfn_etcd_snapshot_age_seconds",
      "Since the last snapshot of a Cluster's etcd was taken; without any, since the Cluster was made",
      "ageSeconds",
    ],
    [
      "capfn_etcd_snapshot_interval_seconds",
      "Between two snapshots of a Cluster's etcd, as it asks for",
      "everySeconds",
    ],
  ] as const;
  const gauges = figures.map(
    ([name, help, figure]) =>
      new Gauge({
        name,
        help,
        labelNames: ["cluster"],
        collect() {
          this.reset();
          for (const { cluster, [figure]: seconds } of snapshot().etcdSnapshots)
            this.set({ cluster }, seconds);
        },
        registers: [],
      }),
  );
  for (const each of gauges) for (const registry of registers) registry.registerMetric(each);
}

function registerIdentityGauges(registers: Registry[], snapshot: () => Snapshot): void {
  const daysLeft = new Gauge({
    name: "capfn_incus_certificate_days_left",
    help: "Days until a certificate of a marked identity for LXD or Incus expires, negative since it has",
    labelNames: ["namespace", "secret", "certificate"],
    registers,
    collect() {
      daysLeft.reset();
      for (const { daysLeft: days, ...labels } of snapshot().identityCertificates) daysLeft.set(labels, days);
    },
  });
  const pinned = new Gauge({
    name: "capfn_incus_server_certificate_pinned",
    help: "1 when the server of a marked identity shows the certificate that the Secret pins, 0 when it shows another",
    labelNames: ["namespace", "secret"],
    registers,
    collect() {
      pinned.reset();
      for (const { shown, ...labels } of snapshot().pinnedServers) pinned.set(labels, shown ? 1 : 0);
    },
  });
}

function counterNames(): CounterName[] {
  const isName = (name: string): name is CounterName => name in counters;
  return Object.keys(counters).filter(isName);
}
