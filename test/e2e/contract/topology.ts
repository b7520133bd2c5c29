import * as z from "zod";
import { countRequests } from "#platform/control-plane/audit-log.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { clusters, harvesterMachines } from "#platform/kube/resources.ts";
import { machinesOf, untilAvailable } from "#test/e2e/contract/machines.ts";
import { NAMESPACE } from "#test/e2e/contract/names.ts";
import { endpointPool } from "#test/e2e/contract/objects.ts";
import type { Contract } from "#test/e2e/contract/stage.ts";
import { classyCluster, clusterClass } from "#test/e2e/contract/topology-objects.ts";
import { newEndpoint } from "#test/e2e/contract/workload-cluster.ts";
import type { Scenario } from "#test/e2e/scenario.ts";
import { claim, until } from "#test/e2e/until.ts";

const CLUSTER = "classy";
const CLASS = "small";
const COUNTS = { name: CLUSTER, controlPlanes: 1, workers: 1 };

const specSchema = z.looseObject({ spec: z.looseObject({ cpu: z.number() }) });

export const topology: Scenario<Contract> = {
  name: "topology",
  summary:
    "a Cluster of a ClusterClass comes up, stays as it is, and has its machines replaced when a variable changes",
  order: "beside",
  play: async (stage) => {
    const { client, plane } = stage.management;
    const { clock } = stage.host;
    const plan = { ...COUNTS, endpoint: newEndpoint() };
    await installManifests(stage.lab.client.harvester, endpointPool(plan), clock);
    await stage.behind(plan);
    await installManifests(client, clusterClass(CLASS, CLUSTER), clock);
    await installManifests(client, classyCluster(CLUSTER, CLASS), clock);
    await untilAvailable(client, COUNTS);

    const templates = (isDryRun: boolean) =>
      countRequests(plane.auditLogPath, {
        where: ({ resource, requestUri, code }) =>
          resource === "harvestermachinetemplates" &&
          requestUri.includes("dryRun=All") === isDryRun &&
          (isDryRun ? code < 300 : code === 201 && requestUri.includes("capi-topology")),
      });
    claim("a template each for control plane and workers", (await templates(false)) === 2);
    const before = await machinesOf(client, CLUSTER);
    const variables = [{ name: "cpu", value: 4 }];
    await client.mergePatch(
      clusters,
      { namespace: NAMESPACE, name: CLUSTER },
      { spec: { topology: { variables } } },
    );
    await until(
      "no machine of before is left",
      async () =>
        !(await machinesOf(client, CLUSTER)).some(({ uid }) => before.some((each) => each.uid === uid)),
      240_000,
    );
    const after = await untilAvailable(client, COUNTS);
    for (const { name } of after) {
      const found = await client.get(harvesterMachines, { namespace: NAMESPACE, name });
      claim(`${name} has the cores of the variable`, specSchema.parse(found).spec.cpu === 4);
    }
    const [made, tried] = [await templates(false), await templates(true)];
    claim(`core compares templates in dry runs`, tried > 0);
    claim(`a new template each for the one change, but ${made - 2} were made`, made === 4);
    const cluster = await client.get(clusters, { namespace: NAMESPACE, name: CLUSTER });
    if (cluster === undefined) throw new Error("the Cluster is gone");
    await client.delete(clusters, cluster.metadata, {
      uid: cluster.metadata.uid,
      propagation: "Background",
    });
    const isGone = async () =>
      (await client.get(clusters, { namespace: NAMESPACE, name: CLUSTER })) === undefined;
    await until("the Cluster is gone", isGone, 240_000);
    return `2 templates, and 2 for the change, found by ${tried} dry runs; both machines replaced for 4 cores`;
  },
};
