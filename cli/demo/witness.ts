import * as z from "zod";
import type { Lab } from "#cli/lab/lab.ts";
import { NAMESPACE } from "#cli/demo/stage.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { harvesterMachines, nodes, virtualMachineInstances } from "#platform/kube/resources.ts";
import { sleep, type Clock } from "#platform/process/clock.ts";

/** What an independent observer has seen of one machine; times in monotonic ms. */
export interface Sighting {
  readonly name: string;
  address?: string | undefined;
  vmRunningAt?: number;
  provisionedAt?: number;
  nodeReadyAt?: number;
  deleting?: boolean;
  goneAt?: number;
}

export interface Witness {
  readonly machines: ReadonlyMap<string, Sighting>;
  /** Resolves when the machines satisfy `wanted`; throws with what is missing when the time is up. */
  until(what: string, wanted: (machines: readonly Sighting[]) => boolean, timeoutMs: number): Promise<void>;
  stop(): void;
}

const machineSchema = z.looseObject({
  status: z
    .looseObject({
      initialization: z.looseObject({ provisioned: z.boolean().optional() }).optional(),
      allocatedIPAddress: z.string().optional(),
    })
    .optional(),
});
const instanceSchema = z.looseObject({ status: z.looseObject({ phase: z.string().optional() }).optional() });
const nodeSchema = z.looseObject({ spec: z.looseObject({ providerID: z.string().optional() }).optional() });

/** Watches the API servers as a stranger would, apart from capfn, and tells each step of each machine once. */
export function startWitness(
  lab: Pick<Lab, "client">,
  clock: Clock,
  tell: (machine: string, what: string) => void,
): Witness {
  const machines = new Map<string, Sighting>();
  /** Names of Nodes that are initialised; of a machine that is there already its Node may be seen first. */
  const joined = new Set<string>();
  const join = (machine: Sighting): void => {
    if (machine.nodeReadyAt !== undefined || !joined.has(machine.name)) return;
    machine.nodeReadyAt = clock.monotonic();
    tell(machine.name, "Node initialised");
  };
  const ending = new AbortController();
  const of = (name: string): Sighting => {
    const known = machines.get(name) ?? { name };
    machines.set(name, known);
    return known;
  };
  const follow = (
    client: KubeClient,
    type: ResourceType,
    see: (object: KubeObject, gone: boolean) => void,
  ) => {
    const namespace = type.namespaced ? NAMESPACE : undefined;
    void (async () => {
      for await (const event of client.watch(type, { namespace, signal: ending.signal })) {
        if ("object" in event) see(event.object, event.type === "deleted");
      }
    })().catch((error: unknown) => {
      if (!ending.signal.aborted) tell(type.plural, `cannot be watched: ${String(error)}`);
    });
  };
  follow(lab.client.management, harvesterMachines, (object, gone) => {
    const isNew = !machines.has(object.metadata.name);
    const machine = of(object.metadata.name);
    if (isNew) tell(machine.name, "asked for");
    join(machine);
    const { status } = machineSchema.parse(object);
    if (status?.allocatedIPAddress !== undefined && machine.address === undefined) {
      machine.address = status.allocatedIPAddress;
      tell(machine.name, `VM created, address ${machine.address}`);
    }
    if (status?.initialization?.provisioned === true && machine.provisionedAt === undefined) {
      machine.provisionedAt = clock.monotonic();
      tell(machine.name, "provisioned");
    }
    if (object.metadata.deletionTimestamp !== undefined && machine.deleting !== true) {
      machine.deleting = true;
      tell(machine.name, "deleting");
    }
    if (gone && machine.goneAt === undefined) {
      machine.goneAt = clock.monotonic();
      tell(machine.name, "gone");
    }
  });
  follow(lab.client.harvester, virtualMachineInstances, (object) => {
    const machine = of(object.metadata.name);
    if (instanceSchema.parse(object).status?.phase === "Running") machine.vmRunningAt ??= clock.monotonic();
  });
  if (lab.client.workload !== undefined) {
    follow(lab.client.workload, nodes, (object, gone) => {
      const { name } = object.metadata;
      if (gone) joined.delete(name);
      else if (nodeSchema.parse(object).spec?.providerID !== undefined) joined.add(name);
      const machine = machines.get(name);
      if (machine !== undefined) join(machine);
    });
  }
  return {
    machines,
    until: async (what, wanted, timeoutMs) => {
      const end = clock.monotonic() + timeoutMs;
      while (!wanted([...machines.values()])) {
        if (clock.monotonic() > end) throw new Error(`not reached within ${timeoutMs / 1000} s: ${what}`);
        await sleep(clock, 20);
      }
    },
    stop: () => ending.abort(new Error("the demo is over")),
  };
}

/** So many machines are there, and each has joined. */
export function up(count: number) {
  return (machines: readonly Sighting[]): boolean => {
    const alive = machines.filter(({ goneAt }) => goneAt === undefined);
    return (
      alive.length === count &&
      alive.every(
        ({ provisionedAt, nodeReadyAt }) => provisionedAt !== undefined && nodeReadyAt !== undefined,
      )
    );
  };
}

/** So many machines are there, in whatever state. */
export function left(count: number) {
  return (machines: readonly Sighting[]): boolean =>
    machines.filter(({ goneAt }) => goneAt === undefined).length === count;
}
