import { clusterLabel } from "#api/names.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { configMaps, machines, nodes, pods } from "#platform/kube/resources.ts";
import { startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import type { Guest, GuestListener } from "#platform/simulator/guest-listeners.ts";
import { type KubeadmOrder, readBootstrapData } from "#test/e2e/contract/bootstrap-data.ts";
import { seenMachine } from "#test/e2e/contract/machines.ts";
import { kubeadmConfig, mirrorPods, nodeOf, runningPod, statusOf } from "#test/e2e/contract/node-objects.ts";

/** Whose kubelets they are, and where the guests are. */
export interface KubeletOptions {
  readonly clock: Clock;
  readonly cluster: string;
  readonly workload: KubeClient;
  readonly harvester: KubeClient;
  /** One of these has the Machines: they say which version of Kubernetes is in a machine's image. */
  readonly management: () => readonly KubeClient[];
  readonly guests: { onGuest(listener: GuestListener): () => void };
  readonly onTrouble: (line: string) => void;
}

/** Plays what runs in the guests of one cluster: cloud-init, kubeadm, kubelets, static Pods. */
export interface Kubelets extends AsyncDisposable {
  /** What each guest that has become a Node was told, by name. */
  readonly booted: ReadonlyMap<string, KubeadmOrder>;
  /** The kubelet falls silent, so that the control plane no longer knows how its Node is. */
  silence(node: string): Promise<void>;
}

/**
 * A guest with an address does what its user data says and becomes a Node of its cluster; when it is gone, so are the Pods that it ran. Its Node
 * stays: to remove it is Cluster API's work.
 */
export function startKubelets(options: KubeletOptions): Kubelets {
  const { clock, cluster, workload, harvester } = options;
  const ending = new AbortController();
  const here = new Map<string, Guest>();
  const booted = new Map<string, KubeadmOrder>();

  const versionOf = async ({ namespace, name }: Guest): Promise<string | undefined> => {
    for (const client of options.management()) {
      const found = await client.get(machines, { namespace, name });
      const machine = found && seenMachine(found);
      if (machine?.cluster === cluster) return machine.version;
    }
    return undefined;
  };
  const boot = async (guest: Guest): Promise<number | undefined> => {
    const version = await versionOf(guest);
    // Another cluster's, or its Machine is just between two management clusters.
    if (version === undefined) return LOOK_AGAIN_MS;
    const order = await readBootstrapData(harvester, guest);
    const time = new Date(clock.now()).toISOString();
    if (order.does === "init") await ensure(workload, configMaps, kubeadmConfig(version));
    await ensure(workload, nodes, nodeOf(guest, order));
    await workload.mergePatch(nodes, { name: guest.hostname }, statusOf(guest, version, time), STATUS);
    for (const pod of order.controlPlane ? mirrorPods(guest) : []) {
      await ensure(workload, pods, pod);
      await workload.mergePatch(pods, pod.metadata, runningPod(time), STATUS);
    }
    booted.set(guest.name, order);
    return undefined;
  };
  const shutDown = async (name: string): Promise<void> => {
    booted.delete(name);
    for await (const pod of workload.list(pods, { fieldSelector: `spec.nodeName=${name}` }))
      await workload.delete(pods, pod.metadata, { uid: pod.metadata.uid });
  };
  const worker = startKeyedWorker({
    clock,
    concurrency: 4,
    onError: (name, error) => {
      if (!ending.signal.aborted) options.onTrouble(`guest ${name}: ${String(error)}`);
    },
    run: async (name) => {
      const guest = here.get(name);
      if (guest === undefined) {
        await shutDown(name);
        return undefined;
      }
      return booted.has(name) ? undefined : boot(guest);
    },
  });
  const unsubscribe = options.guests.onGuest(({ type, guest }) => {
    if (guest.labels[clusterLabel] !== cluster) return;
    if (type === "gone") here.delete(guest.name);
    else if (guest.addresses.length > 0) here.set(guest.name, guest);
    worker.request(guest.name);
  });
  return {
    booted,
    silence: async (node) => {
      const patch = { status: { conditions: silentConditions(new Date(clock.now()).toISOString()) } };
      await workload.mergePatch(nodes, { name: node }, patch, STATUS);
    },
    [Symbol.asyncDispose]: async () => {
      unsubscribe();
      ending.abort(new Error("the stage is closed"));
      await worker.stop();
    },
  };
}

const LOOK_AGAIN_MS = 500;
const STATUS = { subresource: "status" } as const;

function silentConditions(time: string) {
  return ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => ({
    type,
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  }));
}

async function ensure(client: KubeClient, type: ResourceType, object: NewObject): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
  }
}
