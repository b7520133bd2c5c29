import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import { objectMetaSchema } from "#platform/kube/resource.ts";
import {
  nodes,
  persistentVolumeClaims,
  virtualMachineImages,
  virtualMachineInstances,
  virtualMachines,
} from "#platform/kube/resources.ts";
import type { Clock } from "#platform/process/clock.ts";
import type { DhcpLeases } from "#platform/simulator/dhcp-leases.ts";
import { type Claim, claimSchema } from "#platform/simulator/disk-claims.ts";
import {
  conditionSchema,
  type Instance,
  instanceSchema,
  type VirtualMachine,
  virtualMachineSchema,
} from "#platform/simulator/guest-objects.ts";
import { type ObjectStore, type Scope, watchObjects } from "#platform/simulator/object-store.ts";
import { type Host, hostSchema } from "#platform/simulator/placement.ts";
import type { SimulatorTimes } from "#platform/simulator/times.ts";

const imageSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ displayName: z.string().optional() }).prefault({}),
  status: z
    .looseObject({
      progress: z.number().optional(),
      storageClassName: z.string().optional(),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
});

/** A VirtualMachineImage as far as the simulator looks at it. */
export type Image = z.infer<typeof imageSchema>;

/** What every simulated controller works with. */
export interface SimulatedWorld {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly seed: number | string;
  readonly timesOf: (name: string) => SimulatorTimes;
  readonly leases: DhcpLeases;
  /** Whose objects are played with. Hosts and networks belong to everybody. */
  readonly scope: Scope;
  readonly signal: AbortSignal;
  /** Told of what went wrong, with the connection and object it was about; runs are repeated. */
  readonly onError: (what: string, error: unknown) => void;
  readonly vms: ObjectStore<VirtualMachine>;
  readonly instances: ObjectStore<Instance>;
  readonly claims: ObjectStore<Claim>;
  readonly images: ObjectStore<Image>;
  readonly hosts: ObjectStore<Host>;
}

/** Starts to watch what more than one controller looks at; resolves when all of it is known. */
export async function watchWorld(
  settings: Omit<SimulatedWorld, "vms" | "instances" | "claims" | "images" | "hosts">,
): Promise<SimulatedWorld> {
  const { client, signal, scope, onError } = settings;
  const everybody = { signal, onUnreadable: (what: string) => onError(what, undefined) };
  const options = { ...everybody, scope };
  const world = {
    ...settings,
    vms: watchObjects(client, virtualMachines, { ...options, schema: virtualMachineSchema }),
    instances: watchObjects(client, virtualMachineInstances, { ...options, schema: instanceSchema }),
    claims: watchObjects(client, persistentVolumeClaims, { ...options, schema: claimSchema }),
    images: watchObjects(client, virtualMachineImages, { ...options, schema: imageSchema }),
    hosts: watchObjects(client, nodes, { ...everybody, schema: hostSchema }),
  };
  await Promise.all([
    world.vms.synced,
    world.instances.synced,
    world.claims.synced,
    world.images.synced,
    world.hosts.synced,
  ]);
  return world;
}

/** The wall clock as Kubernetes writes times: RFC 3339 with whole seconds. */
export function timeOf(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}
