import { NAMESPACE } from "#cli/demo/stage.ts";
import { customResourceDefinitions, harvesterClusters, harvesterMachines } from "#platform/kube/resources.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { withWorkers } from "#test/e2e/cluster/checks/workers.ts";
import { HUB, isReady, podsOf } from "#test/e2e/cluster/pods.ts";
import type { Stage } from "#test/e2e/cluster/stage-on.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

const kept: readonly ResourceType[] = [harvesterClusters, harvesterMachines];

/** What people do with a release, and what must survive it. */
export const upgraded: Scenario<Stage> = {
  name: "upgraded",
  summary: "helm upgrade with other values, and helm rollback: every object and every VM stays",
  play: async (stage) => {
    const { helm, values, host } = stage;
    await withWorkers(stage, 2);
    const before = await identities(stage);
    const first = await helm.revision();
    const since = host.clock.monotonic();
    const seconds = (): string => ((host.clock.monotonic() - since) / 1000).toFixed(1);
    await helm.upgrade({ ...values, logLevel: "debug" });
    await untilArgument(stage, "--log-level=debug");
    const upgrade = seconds();
    claim("no object came or went with the upgrade", (await identities(stage)) === before);
    await helm.rollback(first);
    await untilArgument(stage, "--log-level=info");
    const rollback = seconds();
    claim("no object came or went with the rollback", (await identities(stage)) === before);
    await withWorkers(stage, 1);
    return `upgraded after ${upgrade} s, rolled back after ${rollback} s; a worker deleted afterwards`;
  },
};

/** The last thing done: what was made with the chart outlives it. */
export const uninstalled: Scenario<Stage> = {
  name: "uninstalled",
  summary:
    "helm uninstall leaves the resource types, the objects and the VMs; installed again, capfn goes on",
  play: async (stage) => {
    const { helm, values, client } = stage;
    await withWorkers(stage, 2);
    const before = await identities(stage);
    await helm.uninstall();
    await until("the hub is gone", async () => (await podsOf(stage.cluster, HUB)).length === 0, 180_000);
    claim("every object is still there", (await identities(stage)) === before);
    const name = `${harvesterMachines.plural}.${harvesterMachines.group}`;
    const crd = await client.management.get(customResourceDefinitions, { name });
    claim("the resource types are still there", crd?.metadata.deletionTimestamp === undefined);
    await helm.upgrade(values);
    claim("no object came or went", (await identities(stage)) === before);
    await withWorkers(stage, 1);
    return "objects and types are kept; installed again, a worker was deleted";
  },
};

async function identities({ client }: Stage): Promise<string> {
  const uids: string[] = [];
  for (const type of kept)
    for await (const { metadata } of client.management.list(type, { namespace: NAMESPACE }))
      uids.push(`${type.kind} ${metadata.name} ${metadata.uid} ${metadata.deletionTimestamp ?? ""}`);
  return uids.toSorted().join("\n");
}

/** The hub that is Ready was started with this argument. */
async function untilArgument({ cluster }: Stage, argument: string): Promise<void> {
  await until(`a hub with ${argument} is Ready`, async () => {
    const pods = await podsOf(cluster, HUB);
    const ready = pods.filter(isReady);
    return ready.length === pods.length && ready.length > 0 && JSON.stringify(ready).includes(argument);
  });
}
