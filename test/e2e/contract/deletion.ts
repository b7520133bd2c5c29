import { leftovers } from "#cli/demo/leftovers.ts";
import { clusters, ipPools } from "#platform/kube/resources.ts";
import { machinesOf } from "#test/e2e/contract/machines.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

export const deletion: Scenario<Contract> = {
  name: "cluster-deleted",
  summary: "a Cluster that is deleted leaves nothing of its own on Harvester [check 98]",
  order: "alone",
  play: async (stage) => {
    const { client } = stage.management;
    const { harvester } = stage.lab.client;
    const { name } = await stage.app();
    const machines = await machinesOf(client, name);
    const cluster = await client.get(clusters, { namespace: NAMESPACE, name });
    if (cluster === undefined) throw new Error("the Cluster is not there");
    await client.delete(clusters, cluster.metadata, {
      uid: cluster.metadata.uid,
      propagation: "Background",
    });
    await until(
      "the Cluster is gone",
      async () => (await client.get(clusters, { namespace: NAMESPACE, name })) === undefined,
      240_000,
    );
    const left = await leftovers(stage.lab);
    claim(`nothing is left, but there is: ${left.join(", ")}`, left.length === 0);
    const endpoint = await harvester.get(ipPools, { name: `${name}-endpoint` });
    const allocated = JSON.stringify(endpoint?.["status"] ?? {}).match(/"allocated":\{"/);
    claim(
      "the pool of the endpoint is still there, and has all its addresses",
      endpoint !== undefined && allocated === null,
    );
    return `${machines.length} machines and the load balancer gone, with disks, Secrets and addresses`;
  },
};
