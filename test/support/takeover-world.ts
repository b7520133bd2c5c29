import { allFunctions } from "#cli/functions.ts";
import { untilQuiet } from "#cli/operator/quiet.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterMachines,
  ipPools,
  persistentVolumeClaims,
  secrets,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { startHarvesterSimulator } from "#platform/simulator/harvester-simulator.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import { startWorkloadSimulator } from "#platform/simulator/workload-simulator.ts";
import type { Stage } from "#test/chaos/stage.ts";
import { writesOnHarvester } from "#test/support/audited-writes.ts";
import { operatorWith } from "#test/support/operator-with.ts";

// Read field by field.
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

const clock = systemClock();
const LONGEST_MS = 90_000;

export interface StageClients {
  readonly m: KubeClient;
  readonly h: KubeClient;
  readonly w: KubeClient;
}

/** Clients of the user `admin` on a stage whose Harvester has what every Harvester has. */
export async function openStage(stage: Stage): Promise<StageClients> {
  const open = (api: "M" | "H" | "W") => createKubeClient(stage[api].config("admin"), { clock });
  const own = createKubeClient(stage.H.config("simulator"), { clock });
  await installHarvester(own, { clock });
  own.close();
  return { m: open("M"), h: open("H"), w: open("W") };
}

/** One cluster whose names all begin with `name`, on a stage; what acts on it is started step by step. */
export interface TakeoverWorld extends AsyncDisposable {
  readonly name: string;
  at(suffix: string): { readonly namespace: string; readonly name: string };
  get(type: ResourceType, suffix: string): Promise<Loose>;
  /** The HarvesterMachine once it is as wanted; undefined stands for "it is gone". */
  seen(suffix: string, what: (machine: Loose) => boolean): Promise<Loose>;
  /** capfn begins to act; resolves when it has nothing more to do. */
  startCapfn(): Promise<void>;
  /** Nothing is left to do. */
  quiet(): Promise<void>;
  stopCapfn(): Promise<void>;
  /** Harvester, the guests and the kubelets act from now on. */
  letHarvesterAct(): Promise<void>;
  /** Versions of the VMs, disks, Secrets and the IPPool on Harvester: any write would change one. */
  snapshot(): Promise<ReadonlyMap<string, string>>;
  /** What capfn has written to VMs, disks, Secrets and IPPools since this world was opened. */
  written(): Promise<string[]>;
}

export function openWorld(stage: Stage, clients: StageClients, name: string): TakeoverWorld {
  const since = clock.now();
  const undo = new AsyncDisposableStack();
  const capfn = new AsyncDisposableStack();
  undo.use(capfn);
  let quiet: () => Promise<boolean> = () => Promise.resolve(true);
  const at = (suffix: string) => ({ namespace: name, name: `${name}-${suffix}` });
  const get = async (type: ResourceType, suffix: string): Promise<Loose> =>
    (type.group.endsWith("cluster.x-k8s.io") ? clients.m : clients.h).get(type, at(suffix));
  const isOurs = (each: { namespace?: string | undefined; name: string }) =>
    each.namespace === name || each.name.startsWith(name);
  const untilNothingToDo = async () => {
    if (!(await quiet())) throw new Error("capfn did not come to rest");
  };
  return {
    name,
    at,
    get,
    seen: async (suffix, what) => {
      const deadline = clock.monotonic() + LONGEST_MS;
      while (true) {
        const machine = await get(harvesterMachines, suffix);
        if (what(machine)) return machine;
        if (clock.monotonic() > deadline)
          throw new Error(`${suffix} never got there: ${JSON.stringify(machine, undefined, 1)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    startCapfn: async () => {
      const management = createKubeClient(stage.M.config("capfn"), { clock });
      capfn.defer(() => management.close());
      const operator = await operatorWith({ management, functions: allFunctions, namespace: name });
      capfn.defer(() => operator.stop(5_000));
      quiet = () => untilQuiet(operator, clock, { timeoutMs: LONGEST_MS, quietMs: 300 });
      await untilNothingToDo();
    },
    quiet: untilNothingToDo,
    stopCapfn: () => capfn.disposeAsync(),
    letHarvesterAct: async () => {
      const player = createKubeClient(stage.H.config("simulator"), { clock });
      undo.defer(() => player.close());
      const options = { client: player, clock, seed: name, scope: isOurs };
      const harvester = undo.use(await startHarvesterSimulator(options));
      const kubelets = createKubeClient(stage.W.config("simulator"), { clock });
      undo.defer(() => kubelets.close());
      undo.use(startWorkloadSimulator({ client: kubelets, clock, harvester, member: isOurs }));
    },
    snapshot: async () => {
      const found = new Map<string, string>();
      for (const type of [virtualMachines, persistentVolumeClaims, secrets])
        for await (const { metadata } of clients.h.list(type, { namespace: name }))
          if (!metadata.name.endsWith("-token"))
            found.set(`${type.plural} ${metadata.name}`, `${metadata.uid}/${metadata.resourceVersion}`);
      const pool = await clients.h.get(ipPools, { name: `${name}-vms` });
      found.set("ippools", `${pool?.metadata.uid}/${pool?.metadata.resourceVersion}`);
      return found;
    },
    written: () => writesOnHarvester({ namespace: name, since }),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

export function isTrue(status: Loose, type: string): boolean {
  const conditions: Loose[] = status?.conditions ?? [];
  return conditions.some((each) => each.type === type && each.status === "True");
}
