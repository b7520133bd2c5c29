import { afterAll, beforeAll, expect, test } from "vitest";
import { startClusterApiCore } from "#platform/control-plane/cluster-api-core.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { clusters, customResourceDefinitions } from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { newNamespace, privateControlPlane, testHost } from "#test/support/control-planes.ts";

const GROUP = "infrastructure.cluster.x-k8s.io";
const throwClusters: ResourceType = {
  group: GROUP,
  version: "v1alpha1",
  kind: "ThrowCluster",
  plural: "throwclusters",
  namespaced: true,
};

/** The least that Cluster API takes for an infrastructure cluster. */
const throwClusterCrd: NewObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `throwclusters.${GROUP}`, labels: { "cluster.x-k8s.io/v1beta2": "v1alpha1" } },
  spec: {
    group: GROUP,
    scope: "Namespaced",
    names: { kind: "ThrowCluster", plural: "throwclusters" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

let plane: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  const host = testHost();
  plane = await privateControlPlane({ name: "core" }, [throwClusterCrd]);
  client = createKubeClient(plane.clientConfig, { clock: systemClock() });
  await startClusterApiCore(host, plane, client, "simulator");
});

afterAll(async () => {
  client?.close();
  await plane?.stop();
});

test("Cluster API core owns the infrastructure cluster and sees that it is provisioned", async () => {
  const namespace = await newNamespace(client);
  const name = { namespace, name: "demo" };
  const infrastructureRef = { apiGroup: GROUP, kind: "ThrowCluster", name: "demo" };
  await client.create(throwClusters, {
    apiVersion: `${GROUP}/v1alpha1`,
    kind: "ThrowCluster",
    metadata: name,
    spec: { controlPlaneEndpoint: { host: "127.0.0.1", port: 6443 } },
  });
  const cluster = await client.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: name,
    spec: { infrastructureRef },
  });
  const owners = async (): Promise<unknown> =>
    (await client.get(throwClusters, name))?.metadata.ownerReferences?.map((owner) => owner.uid);
  await expect.poll(owners, { timeout: 20_000 }).toEqual([cluster.metadata.uid]);

  const status = { initialization: { provisioned: true } };
  await client.mergePatch(throwClusters, name, { status }, { subresource: "status" });
  const provisioned = async (): Promise<unknown> => (await client.get(clusters, name))?.["status"];
  await expect
    .poll(provisioned, { timeout: 20_000 })
    .toMatchObject({ initialization: { infrastructureProvisioned: true } });
});

test("the validating webhook of Cluster API core refuses a Cluster whose Pod network is no network", async () => {
  const namespace = await newNamespace(client);
  const refused = client.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: { namespace, name: "wrong" },
    spec: {
      clusterNetwork: { pods: { cidrBlocks: ["10.0.0.0/99"] } },
      infrastructureRef: { apiGroup: GROUP, kind: "ThrowCluster", name: "wrong" },
    },
  });
  await expect(refused).rejects.toThrow(/cidrBlocks/);
});

test("an object of the older API version is converted", async () => {
  const namespace = await newNamespace(client);
  const older = { ...clusters, version: "v1beta1" };
  await client.create(older, {
    apiVersion: "cluster.x-k8s.io/v1beta1",
    kind: "Cluster",
    metadata: { namespace, name: "old" },
    spec: {
      infrastructureRef: { apiVersion: `${GROUP}/v1alpha1`, kind: "ThrowCluster", name: "old" },
    },
  });
  const newer = await client.get(clusters, { namespace, name: "old" });
  expect(newer?.["spec"]).toMatchObject({
    infrastructureRef: { apiGroup: GROUP, kind: "ThrowCluster", name: "old" },
  });
});

test("installing manifests again changes nothing and is no error", async () => {
  const before = await client.get(customResourceDefinitions, { name: `throwclusters.${GROUP}` });
  await installManifests(client, [throwClusterCrd], systemClock());
  const after = await client.get(customResourceDefinitions, { name: `throwclusters.${GROUP}` });
  expect(after?.metadata.generation).toBe(before?.metadata.generation);
});
