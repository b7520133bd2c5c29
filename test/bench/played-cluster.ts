import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";
import { clusters, harvesterClusters, ipPools, namespaces, secrets } from "#platform/kube/resources.ts";
import { type BenchWorld, IDENTITY, namespace, secret, workloadKubeconfig } from "#test/bench/bench-world.ts";
import { until } from "#test/bench/pacing.ts";

/** A cluster of the bench. Its namespaces on both sides and its pool have its name. */
export interface BenchCluster {
  readonly name: string;
  /** Addresses in the pool; DHCP when absent. `subnet` tells the pools apart: 10.<subnet>.0.0/16. */
  readonly pool?: { readonly size: number; readonly subnet: number };
  /** Secret with the kubeconfig for Harvester when it is not the bench's own. */
  readonly identity?: { readonly namespace: string; readonly name: string };
  /** URL of the workload API server when it is not the lab's. */
  readonly workloadServer?: string;
}

/** Makes a Cluster as a user and Cluster API core do, and resolves when its infrastructure is provisioned. */
export async function createCluster(world: BenchWorld, cluster: BenchCluster): Promise<void> {
  const { client, clock } = world;
  const { name, pool } = cluster;
  await client.management.create(namespaces, namespace(name));
  if (pool !== undefined) await client.harvester.create(ipPools, ipPool(name, pool));
  const at = { namespace: name, name: `${name}-kubeconfig`, cluster: name };
  const kubeconfig = workloadKubeconfig(world, cluster.workloadServer);
  await client.management.create(secrets, secret(at, { value: kubeconfig }));
  const owner = await client.management.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: { name, namespace: name },
    spec: { infrastructureRef: reference("HarvesterCluster", name) },
  });
  await client.management.create(harvesterClusters, {
    apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
    kind: "HarvesterCluster",
    metadata: { name, namespace: name, ownerReferences: [ownedBy(owner)] },
    spec: {
      identitySecret: cluster.identity ?? IDENTITY,
      targetNamespace: name,
      controlPlaneEndpoint: { host: "10.50.0.5", port: 6443 },
      loadBalancerConfig: { ipamType: "dhcp" },
      ...(pool !== undefined && {
        vmNetworkConfig: {
          ipPoolRef: name,
          gateway: `10.${pool.subnet}.0.1`,
          subnetMask: "255.255.0.0",
          dnsServers: [`10.${pool.subnet}.0.1`],
        },
      }),
    },
  });
  await until(clock, `HarvesterCluster ${name} is provisioned`, {
    holds: async () =>
      isProvisioned(await client.management.get(harvesterClusters, { namespace: name, name })),
    timeoutMs: 90_000,
  });
  const status = { status: { initialization: { infrastructureProvisioned: true } } };
  await client.management.mergePatch(clusters, { namespace: name, name }, status, { subresource: "status" });
}

function ipPool(name: string, { size, subnet }: { readonly size: number; readonly subnet: number }) {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "IPPool",
    metadata: { name },
    spec: { ranges: ranges({ size, subnet }), selector: { network: "default/vlan1" } },
  };
}

/** One range of `size` addresses from 10.<subnet>.1.0 on. */
export function ranges({ size, subnet }: { readonly size: number; readonly subnet: number }) {
  const address = (index: number) => `10.${subnet}.${1 + (index >> 8)}.${index & 255}`;
  return [
    {
      subnet: `10.${subnet}.0.0/16`,
      gateway: `10.${subnet}.0.1`,
      rangeStart: address(0),
      rangeEnd: address(size - 1),
    },
  ];
}

export function reference(kind: string, name: string) {
  return { apiGroup: "infrastructure.cluster.x-k8s.io", kind, name };
}

export function ownedBy({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

const provisionedSchema = z.looseObject({
  status: z.looseObject({
    initialization: z.looseObject({ provisioned: z.literal(true) }),
  }),
});

function isProvisioned(object: KubeObject | undefined): boolean {
  return provisionedSchema.safeParse(object).success;
}
