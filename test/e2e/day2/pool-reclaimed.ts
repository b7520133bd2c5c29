import * as z from "zod";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { apiVersionOf } from "#platform/kube/resource.ts";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  machines,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { clusterManifests, machineManifests, conditionsOf } from "#test/e2e/day2/machines.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

const CLUSTER = "few";
const POOL = "few-vms";
const ADDRESSES = ["10.51.0.10", "10.51.0.11"];
const poolSchema = z.looseObject({
  status: z.looseObject({ allocated: z.record(z.string(), z.string()).default({}) }).prefault({}),
});

export const poolReclaimed: Scenario<Day2> = {
  name: "pool-reclaimed",
  summary:
    "of a pool that is exhausted, the address of a machine removed by force goes to the machine that waits",
  play: async (stage) => {
    const { management, harvester } = stage.lab.client;
    await createPool(stage);
    await createMachines(stage, "few-1", "few-2");
    await until("both addresses are given away", async () => (await held(stage)).size === 2);
    await until(
      "both VMs exist",
      async () => (await vm(stage, "few-1")) !== undefined && (await vm(stage, "few-2")) !== undefined,
    );
    const address = [...(await held(stage))].find(([, holder]) => holder.includes("/few-2/"))?.[0] ?? "";

    // Somebody takes the machine away past everything that would clean up behind it.
    const lost = { namespace: NAMESPACE, name: "few-2" };
    const machine = await management.get(machines, lost);
    await management.mergePatch(harvesterMachines, lost, {
      metadata: { annotations: { "cluster.x-k8s.io/paused": "" } },
    });
    await management.delete(machines, lost, { uid: machine?.metadata.uid ?? "" });
    await until("its deletion has come to the infrastructure", async () => {
      const found = await management.get(harvesterMachines, lost);
      return found?.metadata.deletionTimestamp !== undefined;
    });
    await management.mergePatch(harvesterMachines, lost, { metadata: { finalizers: null } });
    await until("it is gone", async () => (await management.get(harvesterMachines, lost)) === undefined);

    await createMachines(stage, "few-3");
    await until(
      "the machine that waits says so",
      async () =>
        (await conditionsOf(stage, harvesterMachines, "few-3"))["VMIPAllocated"]?.reason ===
        "VMIPPoolExhausted",
    );
    await until("the cluster says what is short, and what is in the way", async () => {
      const { AddressesAvailable: told } = await conditionsOf(stage, harvesterClusters, CLUSTER);
      return /1 address is short.*VM .* still exists/.test(told?.message ?? "");
    });
    claim(
      "the address of a VM that exists is not taken",
      (await held(stage)).get(address)?.includes("/few-2/") === true,
    );
    const found = await vm(stage, "few-2");
    await harvester.delete(virtualMachines, lost, { uid: found?.metadata.uid ?? "" });
    await until("the machine that waits has its VM", async () => (await vm(stage, "few-3")) !== undefined);
    const now = await held(stage);
    claim("it has the address that was left over", now.get(address)?.includes("/few-3/") === true);
    claim("nobody else's was touched", now.size === 2);
    return `VMIPPoolExhausted, and nothing taken while the VM was there; then ${address} went from few-2, gone, to few-3`;
  },
};

async function createPool({ lab, host }: Day2): Promise<void> {
  const [rangeStart, rangeEnd] = ADDRESSES;
  const range = { subnet: "10.51.0.0/24", gateway: "10.51.0.1", rangeStart, rangeEnd };
  const spec = { ranges: [range], selector: { network: "default/vlan1" } };
  await installManifests(
    lab.client.harvester,
    [{ apiVersion: apiVersionOf(ipPools), kind: ipPools.kind, metadata: { name: POOL }, spec }],
    host.clock,
  );
  await installManifests(lab.client.management, clusterManifests(CLUSTER, POOL), host.clock);
}

async function createMachines({ lab, host }: Day2, ...names: string[]): Promise<void> {
  const manifests = names.flatMap((name) => machineManifests(name, { cluster: CLUSTER }));
  await installManifests(lab.client.management, manifests, host.clock);
}

/** Holder by address. */
async function held({ lab }: Day2): Promise<ReadonlyMap<string, string>> {
  const found = await lab.client.harvester.get(ipPools, { name: POOL });
  return new Map(Object.entries(poolSchema.parse(found ?? {}).status.allocated));
}

function vm({ lab }: Day2, name: string) {
  return lab.client.harvester.get(virtualMachines, { namespace: NAMESPACE, name });
}
