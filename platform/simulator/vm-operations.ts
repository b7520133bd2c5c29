import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  deployments,
  ipPools,
  keyPairs,
  virtualMachineImages,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import { deploymentStatus } from "#platform/simulator/base-objects.ts";
import type { PoolRange } from "#platform/simulator/ipv4-range.ts";

/** Name of a namespaced object. */
interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** What people, and other programs, do to a Harvester behind our back. */
export interface VmOperations {
  /** Stops the VirtualMachine and keeps it stopped. */
  haltVm(vm: Named): Promise<void>;
  startVm(vm: Named): Promise<void>;
  /** Deletes the instance; KubeVirt makes a new one when the VirtualMachine wants to run. */
  restartVm(vm: Named): Promise<void>;
  /** Deletes the VirtualMachine. With `force` its finalizers go too: it vanishes at once and its instance a moment later. */
  destroyVm(vm: Named, options?: { readonly force?: boolean }): Promise<void>;
  addImage(image: Named & { readonly displayName?: string }): Promise<KubeObject>;
  addKeyPair(keyPair: Named & { readonly publicKey: string }): Promise<KubeObject>;
  addIpPool(pool: {
    readonly name: string;
    readonly ranges: readonly PoolRange[];
    /** `<namespace>/<name>`; guests of any network when absent. */
    readonly network?: string;
  }): Promise<KubeObject>;
  /** Whether Harvester's own Deployment is available. */
  setAvailable(available: boolean): Promise<void>;
}

export function vmOperations(client: KubeClient, clock: Clock): VmOperations {
  const setRunning = async (vm: Named, runs: boolean): Promise<void> => {
    const strategy = runs ? "Always" : "Halted";
    await client.mergePatch(virtualMachines, vm, { spec: { running: null, runStrategy: strategy } });
  };
  return {
    haltVm: (vm) => setRunning(vm, false),
    startVm: (vm) => setRunning(vm, true),
    restartVm: async (vm) => {
      const instance = await client.get(virtualMachineInstances, vm);
      if (instance !== undefined) {
        await client.delete(virtualMachineInstances, vm, { uid: instance.metadata.uid });
      }
    },
    destroyVm: async (vm, options) => {
      const found = await client.get(virtualMachines, vm);
      if (found === undefined) return;
      await client.delete(virtualMachines, vm, { uid: found.metadata.uid });
      if (options?.force === true) await dropFinalizers(client, vm);
    },
    addImage: ({ namespace, name, displayName = name }) =>
      client.create(virtualMachineImages, {
        apiVersion: "harvesterhci.io/v1beta1",
        kind: "VirtualMachineImage",
        metadata: { namespace, name },
        spec: { displayName, sourceType: "download", url: `http://images.example/${name}.qcow2` },
      }),
    addKeyPair: ({ namespace, name, publicKey }) =>
      client.create(keyPairs, {
        apiVersion: "harvesterhci.io/v1beta1",
        kind: "KeyPair",
        metadata: { namespace, name },
        spec: { publicKey },
      }),
    addIpPool: ({ name, ranges, network }) =>
      client.create(ipPools, {
        apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
        kind: "IPPool",
        metadata: { name },
        spec: { ranges, selector: network === undefined ? {} : { network } },
      }),
    setAvailable: async (available) => {
      const name = { namespace: "harvester-system", name: "harvester" };
      const patch = deploymentStatus(available, new Date(clock.now()).toISOString());
      await client.mergePatch(deployments, name, patch, { subresource: "status" });
    },
  };
}

async function dropFinalizers(client: KubeClient, vm: Named): Promise<void> {
  try {
    await client.mergePatch(virtualMachines, vm, { metadata: { finalizers: null } });
  } catch (error) {
    if (!isKubeError(error, "notFound")) throw error;
  }
}
