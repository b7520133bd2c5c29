import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { nodes, virtualMachineInstances, virtualMachines } from "#platform/kube/resources.ts";

/** When the simulator began the writes that latencies are counted from, by name of the VM. Monotonic ms. */
export interface SimulatorWrites {
  /** First write of phase Running. */
  readonly running: ReadonlyMap<string, number>;
  /** First write of an address that is not link-local. */
  readonly addressed: ReadonlyMap<string, number>;
  /** Last write of the VM's finalizers: for a deleted VM the one that lets it go. */
  readonly released: ReadonlyMap<string, number>;
  /** Creation of the Node. */
  readonly registered: ReadonlyMap<string, number>;
  /** The client to hand to the simulator instead of this one. */
  observe(client: KubeClient): KubeClient;
}

const instancePatch = z.looseObject({
  status: z
    .looseObject({
      phase: z.string().optional(),
      interfaces: z.array(z.looseObject({ ipAddress: z.string().optional() })).default([]),
    })
    .prefault({}),
});
const finalizerPatch = z.looseObject({ metadata: z.looseObject({ finalizers: z.array(z.string()) }) });

/** Notes the simulator's writes just before they are sent. */
export function simulatorWrites(): SimulatorWrites {
  const running = new Map<string, number>();
  const addressed = new Map<string, number>();
  const released = new Map<string, number>();
  const registered = new Map<string, number>();
  const first = (map: Map<string, number>, name: string): void => {
    if (!map.has(name)) map.set(name, performance.now());
  };
  const look = (type: ResourceType, name: string, patch: unknown): void => {
    if (type === virtualMachines && finalizerPatch.safeParse(patch).success) {
      released.set(name, performance.now());
    }
    if (type !== virtualMachineInstances) return;
    const status = instancePatch.safeParse(patch).data?.status;
    if (status?.phase === "Running") first(running, name);
    const addresses = status?.interfaces.flatMap(({ ipAddress }) => ipAddress ?? []) ?? [];
    if (addresses.some((address) => !address.startsWith("fe80:"))) first(addressed, name);
  };
  return {
    running,
    addressed,
    released,
    registered,
    observe: (client) => ({
      ...client,
      mergePatch: (type, name, patch, options) => {
        look(type, name.name, patch);
        return client.mergePatch(type, name, patch, options);
      },
      create: (type, object, options) => {
        if (type === nodes) first(registered, object.metadata.name);
        return client.create(type, object, options);
      },
    }),
  };
}
