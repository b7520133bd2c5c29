import * as z from "zod";
import { labUsers } from "#cli/lab/lab.ts";
import { countRequests, tallyRequests } from "#platform/control-plane/audit-log.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  loadBalancers,
  machineDeployments,
} from "#platform/kube/resources.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { sleep } from "#platform/process/clock.ts";
import { machinesOf, untilAvailable } from "#test/e2e/contract/machines.ts";
import { NAMESPACE, workersOf } from "#test/e2e/contract/names.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

/** Longer than capfn takes for any step here when it may act, by far. */
const NOTHING_FOR_MS = 3_000;

const pausedSchema = z.looseObject({
  status: z.looseObject({
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })),
  }),
});

export const paused: Scenario<Contract> = {
  name: "paused",
  summary: "while a Cluster is paused Harvester is asked for nothing; then it goes on where it was",
  order: "alone",
  play: async (stage) => {
    const { client } = stage.management;
    const { harvester } = stage.lab.client;
    const { auditLogPath } = stage.lab.harvester;
    const { name } = await stage.app();
    const before = await machinesOf(client, name);
    const controlPlanes = before.filter(({ controlPlane }) => controlPlane).length;
    const workers = before.length - controlPlanes;
    const pause = (isPaused: boolean | null) =>
      client.mergePatch(clusters, { namespace: NAMESPACE, name }, { spec: { paused: isPaused } });
    const infrastructure = async (): Promise<KubeObject[]> => {
      const found: KubeObject[] = [];
      for (const type of [harvesterClusters, harvesterMachines])
        for await (const object of client.list(type, { namespace: NAMESPACE })) found.push(object);
      return found;
    };
    await pause(true);
    await until("all infrastructure says that it is paused", async () =>
      (await infrastructure()).every((each) => says(each, "Paused")),
    );
    const since = stage.host.clock.now();
    const balancers: KubeObject[] = [];
    for await (const each of harvester.list(loadBalancers, { namespace: NAMESPACE })) balancers.push(each);
    for (const { metadata } of balancers)
      await harvester.delete(loadBalancers, metadata, { uid: metadata.uid });
    const replicas = (count: number) =>
      client.mergePatch(
        machineDeployments,
        { namespace: NAMESPACE, name: workersOf(name) },
        { spec: { replicas: count } },
      );
    await replicas(workers + 1);
    for (const { metadata } of await infrastructure()) {
      const annotations = { "capfn.dev/look-at": String(since) };
      const type = metadata.name === name ? harvesterClusters : harvesterMachines;
      await client.mergePatch(type, metadata, { metadata: { annotations } });
    }
    await sleep(stage.host.clock, NOTHING_FOR_MS);
    const ours = { user: labUsers.capfn, since, excludeWatches: true };
    const asked = [...(await tallyRequests(auditLogPath, ours)).keys()];
    claim(`nothing is asked of Harvester, but there was: ${asked.join(", ")}`, asked.length === 0);
    await pause(null);
    await untilAvailable(client, { name, controlPlanes, workers: workers + 1 });
    await until("the load balancer is there again", async () => {
      for await (const each of harvester.list(loadBalancers, { namespace: NAMESPACE }))
        if (each.metadata.name === balancers[0]?.metadata.name) return true;
      return false;
    });
    claim("it was capfn's work that was to do", (await countRequests(auditLogPath, ours)) > 0);
    await replicas(workers);
    await untilAvailable(client, { name, controlPlanes, workers });
    return `0 requests with a load balancer deleted and a worker wanted; both made afterwards`;
  },
};

function says(object: KubeObject, type: string): boolean {
  const read = pausedSchema.safeParse(object);
  return (
    read.success && read.data.status.conditions.some((each) => each.type === type && each.status === "True")
  );
}
