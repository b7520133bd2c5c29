import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { harvesterMachines, ipPools, nodes, virtualMachines } from "#platform/kube/resources.ts";
import { UNINITIALIZED_TAINT } from "#platform/simulator/workload-node.ts";

/** What the bench's own watches have delivered of one machine. Times in monotonic ms, of the delivery. */
export interface Sighting {
  vmSeenAt?: number;
  provisionedAt?: number;
  nodeInitialisedAt?: number;
  goneAt?: number;
  provisioned?: boolean;
  /** Times `ready` or `provisioned` went back to false while nobody deleted the machine. */
  relapses: number;
}

/** Watches of the bench, apart from capfn's and under another user. */
export interface Onlooker {
  of(machine: string): Sighting;
  /** When an entry for the machine was first seen in an IPPool. */
  allocatedAt(machine: string): number | undefined;
  stop(): void;
}

const machineSchema = z.looseObject({
  status: z
    .looseObject({
      ready: z.boolean().optional(),
      initialization: z.looseObject({ provisioned: z.boolean().optional() }).optional(),
    })
    .optional(),
});
const nodeSchema = z.looseObject({
  spec: z
    .looseObject({
      providerID: z.string().optional(),
      taints: z.array(z.looseObject({ key: z.string() })).optional(),
    })
    .optional(),
});
const poolSchema = z.looseObject({
  status: z.looseObject({ allocated: z.record(z.string(), z.string()).optional() }).optional(),
});

type See = (object: KubeObject, gone: boolean) => void;

export function startOnlooker(clients: {
  readonly management: KubeClient;
  readonly harvester: KubeClient;
  readonly workload: KubeClient;
}): Onlooker {
  const sightings = new Map<string, Sighting>();
  const allocated = new Map<string, number>();
  const ready = new Set<string>();
  const ending = new AbortController();
  const of = (name: string): Sighting => {
    const known = sightings.get(name) ?? { relapses: 0 };
    sightings.set(name, known);
    return known;
  };
  const follow = (client: KubeClient, type: ResourceType, see: See): void => {
    void (async () => {
      for await (const event of client.watch(type, { signal: ending.signal })) {
        if ("object" in event) see(event.object, event.type === "deleted");
      }
    })().catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    });
  };
  follow(clients.management, harvesterMachines, (object, gone) => {
    const { name } = object.metadata;
    const machine = of(name);
    const now = performance.now();
    if (gone) machine.goneAt ??= now;
    const { status } = machineSchema.parse(object);
    const provisioned = status?.initialization?.provisioned === true;
    if (provisioned) machine.provisionedAt ??= now;
    const deleting = object.metadata.deletionTimestamp !== undefined;
    const relapsed = ready.has(name) && status?.ready !== true;
    if (!deleting && (relapsed || (machine.provisioned === true && !provisioned))) machine.relapses += 1;
    machine.provisioned = provisioned;
    if (status?.ready === true) ready.add(name);
    else ready.delete(name);
  });
  follow(clients.harvester, virtualMachines, ({ metadata }) => {
    of(metadata.name).vmSeenAt ??= performance.now();
  });
  follow(clients.harvester, ipPools, (object) => {
    const now = performance.now();
    for (const holder of Object.values(poolSchema.parse(object).status?.allocated ?? {})) {
      const machine = holder.split("/")[1];
      if (machine !== undefined && !allocated.has(machine)) allocated.set(machine, now);
    }
  });
  follow(clients.workload, nodes, (object) => {
    const { spec } = nodeSchema.parse(object);
    const tainted = spec?.taints?.some(({ key }) => key === UNINITIALIZED_TAINT) === true;
    if (spec?.providerID !== undefined && !tainted) {
      of(object.metadata.name).nodeInitialisedAt ??= performance.now();
    }
  });
  return {
    of,
    allocatedAt: (machine) => allocated.get(machine),
    stop: () => ending.abort(new Error("the bench is over")),
  };
}
