import * as z from "zod";
import {
  type BenchWorld,
  IDENTITY,
  inParallel,
  namespace,
  secret,
  until,
  workloadKubeconfig,
} from "#test/bench/bench-world.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  machines,
  namespaces,
  nodes,
  secrets,
} from "#platform/kube/resources.ts";

/** A cluster of the bench. Its namespaces on both sides and its pool have its name. */
export interface BenchCluster {
  readonly name: string;
  /** Addresses in the pool; DHCP when absent. `subnet` tells the pools apart: 10.<subnet>.0.0/16. */
  readonly pool?: { readonly size: number; readonly subnet: number };
  /** URL of the workload API server when it is not the lab's. */
  readonly workloadServer?: string;
}

const CORE_FINALIZER = "machine.cluster.x-k8s.io";

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
      identitySecret: IDENTITY,
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

/** Makes Machines in core's order: infrastructure, Machine, owner reference, bootstrap data. */
export async function createMachines(
  { client: { management }, bootstrapped }: BenchWorld,
  cluster: string,
  names: readonly string[],
): Promise<void> {
  await inParallel(names, async (name) => {
    const at = { namespace: cluster, name };
    const labels = { "cluster.x-k8s.io/cluster-name": cluster };
    await management.create(harvesterMachines, {
      apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
      kind: "HarvesterMachine",
      metadata: { ...at, labels },
      spec: machineSpec,
    });
    const machine = await management.create(machines, {
      apiVersion: "cluster.x-k8s.io/v1beta2",
      kind: "Machine",
      metadata: { ...at, labels, finalizers: [CORE_FINALIZER] },
      spec: {
        clusterName: cluster,
        bootstrap: { configRef: { apiGroup: "bootstrap.cluster.x-k8s.io", kind: "KubeadmConfig", name } },
        infrastructureRef: reference("HarvesterMachine", name),
      },
    });
    const owner = { metadata: { ownerReferences: [ownedBy(machine)] } };
    await management.mergePatch(harvesterMachines, at, owner);
    await management.create(
      secrets,
      secret({ ...at, cluster }, { value: "#cloud-config\nruncmd: [echo]\n" }),
    );
    bootstrapped.set(name, performance.now());
    await management.mergePatch(machines, at, { spec: { bootstrap: { dataSecretName: name } } });
  });
}

/** Deletes Machines as core does and resolves when their HarvesterMachines are gone; `goneWithinMs` counts from the start. */
export async function deleteMachines(
  { client, clock, seen }: BenchWorld,
  cluster: string,
  { names, goneWithinMs }: { readonly names: readonly string[]; readonly goneWithinMs: number },
): Promise<void> {
  await inParallel(names, async (name) => {
    for (const type of [machines, harvesterMachines]) {
      const at = { namespace: cluster, name };
      const object = await client.management.get(type, at);
      if (object !== undefined) await client.management.delete(type, at, { uid: object.metadata.uid });
    }
  });
  await until(clock, `the HarvesterMachines ${names[0]} ... are gone`, {
    holds: () => names.every((name) => seen.of(name).goneAt !== undefined),
    timeoutMs: goneWithinMs,
  });
}

/** What core does last: Node, bootstrap Secret and its own finalizer. After the counting, so that nothing of it is in a figure. */
export async function tidyUp(
  { client }: BenchWorld,
  cluster: string,
  names: readonly string[],
): Promise<void> {
  await inParallel(names, async (name) => {
    const node = await client.workload.get(nodes, { name });
    if (node !== undefined) await client.workload.delete(nodes, { name }, { uid: node.metadata.uid });
    const at = { namespace: cluster, name };
    await client.management.mergePatch(machines, at, { metadata: { finalizers: [] } });
    const bootstrap = await client.management.get(secrets, at);
    if (bootstrap !== undefined) {
      await client.management.delete(secrets, at, { uid: bootstrap.metadata.uid });
    }
  });
}

/** All machines are provisioned and, unless their workload API server is dead, their Nodes initialised. */
export async function untilRunning(
  { clock, seen }: BenchWorld,
  names: readonly string[],
  { timeoutMs, nodes: withNodes = true }: { readonly timeoutMs: number; readonly nodes?: boolean },
): Promise<void> {
  const missing = (): readonly string[] =>
    names.filter((name) => {
      const { provisionedAt, nodeInitialisedAt } = seen.of(name);
      return provisionedAt === undefined || (withNodes && nodeInitialisedAt === undefined);
    });
  await until(clock, `machines ${names[0]} ... run, with initialised Nodes`, {
    holds: () => missing().length === 0,
    timeoutMs,
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; missing: ${missing().slice(0, 5).join(", ")}`, { cause: error });
  });
}

/** `<prefix>000`, `<prefix>001`, ... */
export function machineNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(3, "0")}`);
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

function reference(kind: string, name: string) {
  return { apiGroup: "infrastructure.cluster.x-k8s.io", kind, name };
}

function ownedBy({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
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

const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "opensuse",
  sshKeyPair: "default/bench",
  networks: ["default/vlan1"],
  volumes: [{ volumeType: "image", imageName: "default/leap-15", volumeSize: "20Gi", bootOrder: 1 }],
};
