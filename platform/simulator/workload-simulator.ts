import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import { nodes } from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { Guest, GuestListener } from "#platform/simulator/guest-listeners.ts";
import { startKeyedWorker } from "#platform/simulator/keyed-worker.ts";
import { timeOf } from "#platform/simulator/simulated-world.ts";
import { newNode, type NodeBehaviour, nodeNameOf, nodeStatus } from "#platform/simulator/workload-node.ts";

export interface WorkloadSimulatorOptions extends NodeBehaviour {
  /** Of the workload cluster's API server. */
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Where the guests are; those that `member` accepts join, all when it is absent. */
  readonly harvester: { onGuest(listener: GuestListener): () => void };
  readonly member?: ((guest: Guest) => boolean) | undefined;
  /** From phase Running to the Node; the guest's own time when absent. */
  readonly times?: { readonly nodeAfterMs: number } | undefined;
  readonly onError?: ((what: string, error: unknown) => void) | undefined;
}

/** Plays the kubelets of one workload cluster: a Node for each guest, some time after it runs. */
export interface WorkloadSimulator extends AsyncDisposable {
  /** The kubelet says it is well, says it is not, or says nothing so that the control plane calls it unknown. */
  setReady(node: string, ready: boolean | "unknown"): Promise<void>;
  /** Removes the Node, as Cluster API does; it does not come back while the guest runs. */
  removeNode(node: string): Promise<void>;
  stop(): Promise<void>;
}

interface Member {
  readonly guest: Guest;
  /** Monotonic milliseconds of its first sight. */
  readonly since: number;
  registered: boolean;
  removed: boolean;
  ready: boolean | "unknown";
}

export function startWorkloadSimulator(options: WorkloadSimulatorOptions): WorkloadSimulator {
  const { client, clock } = options;
  const ending = new AbortController();
  const request = { signal: ending.signal };
  /** By name of the Node. */
  const members = new Map<string, Member>();

  const post = async (name: string, member: Member): Promise<void> => {
    const status = nodeStatus(member.guest, options, member.ready, timeOf(clock));
    await client.mergePatch(nodes, { name }, status, { ...request, subresource: "status" });
  };
  const register = async (name: string, member: Member): Promise<void> => {
    try {
      await client.create(nodes, newNode(member.guest, options), request);
    } catch (error) {
      // A restarted guest finds its Node, as a restarted kubelet does.
      if (!isKubeError(error, "alreadyExists")) throw error;
    }
    member.registered = true;
    await post(name, member);
  };
  const worker = startKeyedWorker({
    clock,
    concurrency: 8,
    onError: (name, error) => {
      if (!ending.signal.aborted && !isKubeError(error, "notFound")) options.onError?.(`Node ${name}`, error);
    },
    run: async (name) => {
      const member = members.get(name);
      if (member === undefined || member.removed) return undefined;
      if (member.registered) {
        await post(name, member);
        return options.heartbeatMs;
      }
      const { nodeAfterMs } = options.times ?? member.guest;
      const waitMs = Math.ceil(member.since + nodeAfterMs - clock.monotonic());
      if (waitMs > 0) return waitMs;
      if (member.guest.addresses.length === 0 && options.early !== true) return undefined;
      await register(name, member);
      return options.heartbeatMs;
    },
  });
  const unsubscribe = options.harvester.onGuest(({ type, guest }) => {
    if (options.member?.(guest) === false) return;
    const name = nodeNameOf(guest, options);
    const known = members.get(name);
    const same = known?.guest.instanceUid === guest.instanceUid ? known : undefined;
    if (type === "gone") {
      if (same !== undefined) members.delete(name);
      return;
    }
    const { since = clock.monotonic(), registered = false, removed = false, ready = true } = same ?? {};
    members.set(name, { guest, since, registered, removed, ready });
    worker.request(name);
  });

  const stop = async (): Promise<void> => {
    unsubscribe();
    ending.abort(new Error("the simulator was stopped"));
    await worker.stop();
  };
  return {
    setReady: async (name, ready) => {
      const member = members.get(name);
      if (member === undefined) throw new Error(`no guest runs whose Node is ${name}`);
      member.ready = ready;
      await post(name, member);
    },
    removeNode: async (name) => {
      const member = members.get(name);
      if (member !== undefined) member.removed = true;
      const node = await client.get(nodes, { name });
      if (node !== undefined) await client.delete(nodes, { name }, { uid: node.metadata.uid });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
