import { harvesterMachines, machines, nodes, secrets } from "#platform/kube/resources.ts";
import { type BenchWorld, secret } from "#test/bench/bench-world.ts";
import { inParallel, until } from "#test/bench/pacing.ts";
import { ownedBy, reference } from "#test/bench/played-cluster.ts";

const CORE_FINALIZER = "machine.cluster.x-k8s.io";

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

const machineSpec = {
  cpu: 2,
  memory: "4Gi",
  sshUser: "opensuse",
  sshKeyPair: "default/bench",
  networks: ["default/vlan1"],
  volumes: [{ volumeType: "image", imageName: "default/leap-15", volumeSize: "20Gi", bootOrder: 1 }],
};
