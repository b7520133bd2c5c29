import { labUsers, startLab, type Lab } from "#cli/lab/lab.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import type { ControlPlaneHost } from "#platform/control-plane/host.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { keyPairs, namespaces, secrets, virtualMachineImages } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";
import { type Onlooker, startOnlooker } from "#test/bench/onlooker.ts";
import { simulatorWrites, type SimulatorWrites } from "#test/bench/simulator-writes.ts";

/** How much is measured. */
export interface Sizes {
  /** Steps that do nothing, for the hub's own rate. */
  readonly dispatches: number;
  /** Machines of the create and delete scenarios. */
  readonly counts: readonly number[];
  /** Machines of the scenario whose addresses come from DHCP. */
  readonly dhcp: number;
  readonly early: SimulatorTimes;
  /** The same, with an address that comes late and a guest that takes long to stop. */
  readonly late: SimulatorTimes;
  /** Machines that wait for one pool. */
  readonly waiting: number;
  /** Workload clusters of which one is dead, and machines in each. */
  readonly clusters: number;
  readonly perCluster: number;
  /** Clusters with a connection to Harvester each, of which one is dead. */
  readonly harvesters: number;
  /** Machines at rest; each is about five objects. */
  readonly population: number;
  /** Machines of the index that is filled without API servers, one size after the other. */
  readonly indexed: readonly number[];
  readonly idleMs: number;
  /** Alerts of the storm. */
  readonly alerts: number;
  /** Starts of each function bundle, with and without a compile cache. */
  readonly coldStarts: number;
}

/** What all measurements share: the lab, and the two clocks' notes a latency is made of. */
export interface BenchWorld extends AsyncDisposable {
  readonly lab: Lab & { readonly workload: NonNullable<Lab["workload"]> };
  readonly clock: Clock;
  readonly sizes: Sizes;
  readonly client: {
    readonly management: KubeClient;
    readonly harvester: KubeClient;
    readonly workload: KubeClient;
  };
  /** When the outside world acted. */
  readonly writes: SimulatorWrites;
  /** When core said that bootstrap data are there, by machine. */
  readonly bootstrapped: Map<string, number>;
  /** When the bench saw what became of it. */
  readonly seen: Onlooker;
  readonly capfnKubeconfig: string;
  /** Scratch space that goes with the world. */
  readonly directory: string;
}

export const IDENTITY = { namespace: "bench", name: "harvester-identity" } as const;

/** Machines with this in their name live through `sizes.late`. */
export const LATE = "-late-";

/** Starts API servers and simulators, and makes what a user has before the first cluster. */
export async function startBenchWorld(host: ControlPlaneHost, sizes: Sizes): Promise<BenchWorld> {
  await using started = new AsyncDisposableStack();
  const { clock } = host;
  const writes = simulatorWrites();
  const lab = started.use(
    await startLab(host, {
      times: (name) => (name.includes(LATE) ? sizes.late : sizes.early),
      core: false,
      workload: true,
      simulatorClient: (client) => writes.observe(client),
    }),
  );
  const { workload } = lab;
  if (workload === undefined || lab.client.workload === undefined) throw new Error("no workload API server");
  const client = { ...lab.client, workload: lab.client.workload };
  const { management, harvester } = client;
  for (const name of [IDENTITY.namespace, "capfn-system"])
    await management.create(namespaces, namespace(name));
  const identity = lab.harvester.kubeconfigFor(labUsers.capfn);
  await management.create(secrets, secret(IDENTITY, { kubeconfig: identity }));
  await harvester.create(virtualMachineImages, image);
  await harvester.create(keyPairs, keyPair);
  const seen = startOnlooker(client);
  started.defer(() => seen.stop());
  const running = started.move();
  return {
    lab: { ...lab, workload },
    clock,
    sizes,
    client,
    writes,
    bootstrapped: new Map(),
    seen,
    capfnKubeconfig: lab.management.kubeconfigFor(labUsers.capfn),
    directory: lab.management.directory,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Kubeconfig of the workload API server for the cluster's Secret, as capfn's user. */
export function workloadKubeconfig({ lab }: BenchWorld, server?: string): string {
  const { name, caPem } = lab.workload;
  return server === undefined
    ? lab.workload.kubeconfigFor(labUsers.capfn)
    : renderKubeconfig({ name, server, caPem, user: labUsers.capfn, token: "none" });
}

export function namespace(name: string): NewObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function secret(
  { namespace: at, name, cluster }: { namespace: string; name: string; cluster?: string },
  stringData: Readonly<Record<string, string>>,
): NewObject {
  const labels = cluster === undefined ? {} : { "cluster.x-k8s.io/cluster-name": cluster };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: at, labels },
    type: "cluster.x-k8s.io/secret",
    stringData,
  };
}

const image: NewObject = {
  apiVersion: "harvesterhci.io/v1beta1",
  kind: "VirtualMachineImage",
  metadata: { name: "leap-15", namespace: "default" },
  spec: { displayName: "leap-15", sourceType: "download", url: "https://example.com/leap-15.qcow2" },
};

const keyPair: NewObject = {
  apiVersion: "harvesterhci.io/v1beta1",
  kind: "KeyPair",
  metadata: { name: "bench", namespace: "default" },
  spec: { publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo bench" },
};
