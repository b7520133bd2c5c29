import * as z from "zod";
import { labUsers } from "#cli/lab/lab.ts";
import { tallyRequests } from "#platform/control-plane/audit-log.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import {
  clusters,
  harvesterMachines,
  ipPools,
  machineDeployments,
  secrets,
  virtualMachineInstances,
} from "#platform/kube/resources.ts";
import { clusterctlMove } from "#test/e2e/contract/clusterctl.ts";
import { machinesOf, untilAvailable, type SeenMachine } from "#test/e2e/contract/machines.ts";
import type { Management } from "#test/e2e/contract/management.ts";
import { NAMESPACE, workersOf } from "#test/e2e/contract/names.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim } from "#test/e2e/until.ts";

export const move: Scenario<Contract> = {
  name: "moved-and-back",
  summary:
    "clusterctl moves a Cluster with its machines to another management cluster, which adopts them, and back; no VM is touched",
  order: "alone",
  play: async (stage) => {
    const { management: home } = stage;
    const { name } = await stage.app();
    const target = await stage.target();
    await mayMove(home.client);
    const before = await running(stage, home, name);
    await watched(stage, async () => {
      await clusterctlMove(stage.host, home, target);
      await settled(target, before);
    });
    claim("nothing is left where it was", (await machinesOf(home.client, name)).length === 0);
    // Whoever adopted them has a say over their VMs: one worker goes, and another one comes.
    const { workers, controlPlanes } = before;
    for (const count of [workers - 1, workers]) {
      const deployment = { namespace: NAMESPACE, name: workersOf(name) };
      await target.client.mergePatch(machineDeployments, deployment, { spec: { replicas: count } });
      await untilAvailable(target.client, { name, controlPlanes, workers: count });
    }
    const there = await running(stage, target, name);
    await watched(stage, async () => {
      await clusterctlMove(stage.host, target, home);
      await settled(home, there);
    });
    claim("nothing is left on the other", (await machinesOf(target.client, name)).length === 0);
    return `${before.machines.length} machines, the same instances and addresses; nothing written to Harvester by either move`;
  },
};

/** As when somebody's laptop is closed, twice, and the move is repeated each time. */
export const interruptedMove: Scenario<Contract> = {
  name: "interrupted-move",
  summary:
    "clusterctl is killed while it creates and while it deletes; repeated, it ends the move, and no VM is touched",
  order: "alone",
  whenNamed: true,
  play: async (stage) => {
    const { management: home } = stage;
    const { name } = await stage.app();
    const target = await stage.target();
    await mayMove(home.client);
    const before = await running(stage, home, name);
    const kills: string[] = [];
    await watched(stage, async () => {
      const arrived = async () => (await infrastructure(target.client)) > 0;
      if (await clusterctlMove(stage.host, home, target, arrived)) kills.push("while it created");
      await resume(home.client, name);
      const leaving = async () => (await infrastructure(home.client)) < before.machines.length;
      if (await clusterctlMove(stage.host, home, target, leaving)) kills.push("while it deleted");
      await resume(home.client, name);
      await clusterctlMove(stage.host, home, target);
      await settled(target, before);
    });
    claim("both interruptions came in time", kills.length === 2);
    claim("nothing is left where it was", (await machinesOf(home.client, name)).length === 0);
    return `${before.machines.length} machines, the same instances and addresses; killed ${kills.join(" and ")}`;
  },
};

interface Running {
  readonly name: string;
  readonly machines: readonly SeenMachine[];
  readonly controlPlanes: number;
  readonly workers: number;
}

async function running(stage: Contract, { client }: Management, name: string): Promise<Running> {
  const machines = await machinesOf(client, name);
  const controlPlanes = machines.filter(({ controlPlane }) => controlPlane).length;
  claim("there are machines on Harvester", (await instances(stage)).length === machines.length);
  return { name, machines, controlPlanes, workers: machines.length - controlPlanes };
}

/** The same machines are ready, and none is made or replaced. */
async function settled({ client }: Management, { name, machines, ...counts }: Running): Promise<void> {
  const after = await untilAvailable(client, { name, ...counts });
  const identities = (of: readonly SeenMachine[]) =>
    of.map((each) => `${each.name} ${each.providerID}`).join();
  claim(`the same machines: ${identities(after)}`, identities(after) === identities(machines));
}

/**
 * While `act` goes on capfn writes nothing to Harvester but that a pool is used from the other management cluster too; afterwards the same
 * instances run and hold the same addresses.
 */
async function watched(stage: Contract, act: () => Promise<void>): Promise<void> {
  const since = stage.host.clock.now();
  const before = [...(await instances(stage)), ...(await allocations(stage))];
  await act();
  const writes = await tallyRequests(stage.lab.harvester.auditLogPath, {
    user: labUsers.capfn,
    since,
    where: ({ verb, resource }) => !["get", "list", "watch"].includes(verb) && resource !== "ippools",
  });
  claim(`capfn writes nothing to Harvester: ${[...writes.keys()].join(", ")}`, writes.size === 0);
  const after = [...(await instances(stage)), ...(await allocations(stage))];
  claim("the same instances run, with the same addresses", String(after) === String(before));
}

async function instances({ lab }: Contract): Promise<string[]> {
  const found: string[] = [];
  for await (const { metadata } of lab.client.harvester.list(virtualMachineInstances, {
    namespace: NAMESPACE,
  }))
    found.push(`${metadata.name} ${metadata.uid}`);
  return found.toSorted((a, b) => a.localeCompare(b));
}

const poolSchema = z.looseObject({
  status: z.looseObject({ allocated: z.record(z.string(), z.string()).nullish() }).prefault({}),
});

async function allocations({ lab }: Contract): Promise<string[]> {
  const found: string[] = [];
  for await (const pool of lab.client.harvester.list(ipPools))
    found.push(...Object.entries(poolSchema.parse(pool).status.allocated ?? {}).map(String));
  return found.toSorted((a, b) => a.localeCompare(b));
}

async function infrastructure(client: KubeClient): Promise<number> {
  const found: string[] = [];
  for await (const { metadata } of client.list(harvesterMachines, { namespace: NAMESPACE }))
    found.push(metadata.name);
  return found.length;
}

/** The identity Secret belongs to no cluster alone, so whoever moves says that it is to come along. */
async function mayMove(client: KubeClient): Promise<void> {
  const labels = { "clusterctl.cluster.x-k8s.io/move": "" };
  const identity = { namespace: NAMESPACE, name: "harvester-identity" };
  await client.mergePatch(secrets, identity, { metadata: { labels } });
}

/** A person who repeats a move has to take back the pause that the interrupted one left: clusterctl refuses paused Clusters. */
async function resume(client: KubeClient, name: string): Promise<void> {
  await client.mergePatch(clusters, { namespace: NAMESPACE, name }, { spec: { paused: null } });
}
