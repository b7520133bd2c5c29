import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { clusterSchema } from "#api/cluster-api.ts";
import { startClusterApiCore } from "#platform/control-plane/cluster-api-core.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import {
  clusters,
  customResourceDefinitions,
  harvesterClusters,
  namespaces,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { harvesterCluster } from "#test/unit/api/running-cluster.ts";

const stack = new AsyncDisposableStack();
let client: KubeClient;

beforeAll(async () => {
  // Of its own: core changes what the shared one serves, and a label is taken away.
  const management = stack.use(await privateControlPlane({ name: "core" }, await ownCrds()));
  client = createKubeClient(management.clientConfig, { clock: systemClock() });
  stack.defer(() => client.close());
  stack.use(await startClusterApiCore(testHost(), management, client));
});

afterAll(() => stack.disposeAsync());

/** A Cluster and its HarvesterCluster in a namespace of their own, with the status a provider would publish. */
async function provisionedCluster(namespace: string, status: Record<string, unknown>): Promise<void> {
  const metadata = { name: "shop", namespace };
  const { identitySecret, loadBalancerConfig, targetNamespace, controlPlaneEndpoint } = harvesterCluster.spec;
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  await client.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata,
    spec: {
      infrastructureRef: { apiGroup: harvesterClusters.group, kind: "HarvesterCluster", name: "shop" },
    },
  });
  await client.create(harvesterClusters, {
    apiVersion: harvesterCluster.apiVersion,
    kind: "HarvesterCluster",
    metadata,
    spec: { identitySecret, loadBalancerConfig, targetNamespace, controlPlaneEndpoint },
  });
  await client.mergePatch(harvesterClusters, metadata, { status }, { subresource: "status" });
}

async function provisionedByCore(namespace: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const cluster = clusterSchema.parse(await client.get(clusters, { name: "shop", namespace }));
      expect(cluster.status?.initialization?.infrastructureProvisioned).toBe(true);
      expect(cluster.spec?.controlPlaneEndpoint).toEqual(harvesterCluster.spec.controlPlaneEndpoint);
    },
    { timeout: 30_000, interval: 100 },
  );
}

describe("Cluster API core", () => {
  it("reads status.initialization.provisioned by the v1beta2 label, in the stored version [check 5]", async () => {
    await provisionedCluster("contract-v1beta2", {
      initialization: { provisioned: true },
      failureDomains: harvesterCluster.status.failureDomains,
    });
    await provisionedByCore("contract-v1beta2");
    const cluster = await client.get(clusters, { name: "shop", namespace: "contract-v1beta2" });
    expect(cluster).toMatchObject({
      status: { failureDomains: harvesterCluster.status.failureDomains.map(({ name }) => ({ name })) },
    });
  });

  it("reads status.ready when there is only the v1beta1 label [check 5]", async () => {
    const definition = { name: "harvesterclusters.infrastructure.cluster.x-k8s.io" };
    const labels = { "cluster.x-k8s.io/v1beta2": null };
    await client.mergePatch(customResourceDefinitions, definition, { metadata: { labels } });
    await provisionedCluster("contract-v1beta1", { ready: true });
    await provisionedByCore("contract-v1beta1");
  });
});
