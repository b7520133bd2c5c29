import * as z from "zod";
import { NAMESPACE } from "#cli/demo/stage.ts";
import { installManifests } from "#platform/control-plane/install-manifests.ts";
import { events, harvesterMachines, machines, secrets } from "#platform/kube/resources.ts";
import { clusterManifests, conditionsOf, machineManifests } from "#test/e2e/day2/machines.ts";
import type { Day2 } from "#test/e2e/day2/stage.ts";
import { until } from "#test/e2e/until.ts";
import { startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";

/** The annotation by which Cluster API waits with a Machine until its etcd member is gone. */
const HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";

/** A control plane of three: real etcd members, and a Machine for each. */
export interface ControlPlane extends AsyncDisposable {
  readonly etcd: TestEtcdCluster;
  /** Asks for the deletion of a Machine. */
  remove(name: string): Promise<void>;
  exists(name: string): Promise<boolean>;
  infrastructureExists(name: string): Promise<boolean>;
  hooked(name: string): Promise<boolean>;
  /** Why the member of a Machine is still there, or not. */
  removal(name: string): Promise<{ readonly reason: string; readonly message: string } | undefined>;
  /** Reasons of the Kubernetes Events about a Machine and its etcd member. */
  told(name: string): Promise<string[]>;
}

const eventSchema = z.looseObject({
  reason: z.string(),
  involvedObject: z.looseObject({ name: z.string() }),
});

/**
 * The members listen on loopback addresses, which no VM can have: so somebody else provides these machines, as the annotation
 * `cluster.x-k8s.io/managed-by` says, and reports their addresses.
 */
export async function startControlPlane(stage: Day2, cluster: string): Promise<ControlPlane> {
  const { lab, host } = stage;
  const { management } = lab.client;
  const names = ["a", "b", "c"].map((letter) => `${cluster}-${letter}`);
  const etcd = await startEtcdCluster(names);
  await management.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      namespace: NAMESPACE,
      name: `${cluster}-etcd`,
      labels: { "cluster.x-k8s.io/cluster-name": cluster },
    },
    type: "cluster.x-k8s.io/secret",
    stringData: { "tls.crt": etcd.authority.certPem, "tls.key": etcd.authority.keyPem },
  });
  await installManifests(management, clusterManifests(cluster), host.clock);
  for (const { name, address } of etcd.members) {
    const manifests = machineManifests(name, {
      cluster,
      labels: { "cluster.x-k8s.io/control-plane": "" },
      infrastructureAnnotations: { "cluster.x-k8s.io/managed-by": "somebody-else" },
    });
    await installManifests(management, manifests, host.clock);
    await management.mergePatch(
      harvesterMachines,
      { namespace: NAMESPACE, name },
      { spec: { providerID: `harvester://${name}` } },
    );
    const addresses = [{ type: "InternalIP", address }];
    await management.mergePatch(
      harvesterMachines,
      { namespace: NAMESPACE, name },
      { status: { ready: true, initialization: { provisioned: true }, addresses } },
      { subresource: "status" },
    );
  }
  const machine = (name: string) => management.get(machines, { namespace: NAMESPACE, name });
  const hooked = async (name: string) => (await machine(name))?.metadata.annotations?.[HOOK] === "capfn";
  const addressed = z.looseObject({ status: z.looseObject({ addresses: z.array(z.unknown()).min(1) }) });
  for (const name of names)
    await until(`${name} has its hook and its address`, async () => {
      return (await hooked(name)) && addressed.safeParse(await machine(name)).success;
    });
  return {
    etcd,
    hooked,
    remove: async (name) => {
      const uid = (await machine(name))?.metadata.uid;
      if (uid !== undefined) await management.delete(machines, { namespace: NAMESPACE, name }, { uid });
    },
    exists: async (name) => (await machine(name)) !== undefined,
    infrastructureExists: async (name) =>
      (await management.get(harvesterMachines, { namespace: NAMESPACE, name })) !== undefined,
    removal: async (name) => (await conditionsOf(stage, machines, name))["EtcdMemberRemoved"],
    told: async (name) => {
      const found: string[] = [];
      for await (const object of management.list(events, { namespace: NAMESPACE })) {
        const { reason, involvedObject } = eventSchema.parse(object);
        if (involvedObject.name === name && reason.includes("Etcd")) found.push(reason);
      }
      return found;
    },
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
}
