import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { etcdRemove } from "#functions/cluster-api/etcd-remove/function.ts";
import { startClusterApiCore } from "#platform/control-plane/cluster-api-core.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, NewObject } from "#platform/kube/resource.ts";
import {
  clusters,
  events,
  harvesterClusters,
  harvesterMachines,
  machines,
  secrets,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { machineSpec } from "#test/support/cluster-objects.ts";
import { newNamespace, privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { startEtcdCluster, type TestEtcdCluster } from "#test/support/etcd-cluster.ts";
import { ownCrds } from "#test/support/global-setup.ts";
import { operatorWith } from "#test/support/operator-with.ts";

const clock = systemClock();
const infrastructure = "infrastructure.cluster.x-k8s.io";
const HOOK = "pre-terminate.delete.hook.machine.cluster.x-k8s.io/capfn-etcd";
const stack = new AsyncDisposableStack();
let client: KubeClient;
let namespace: string;
let etcd: TestEtcdCluster;

/** Cluster, Machines and what Cluster API asks of an infrastructure, as a provider would fill it in. */
async function createCluster(): Promise<void> {
  await client.create(harvesterClusters, {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterCluster",
    metadata: { namespace, name: "demo" },
    spec: {
      identitySecret: { namespace, name: "identity" },
      targetNamespace: "vms",
      loadBalancerConfig: { ipamType: "dhcp" },
      controlPlaneEndpoint: { host: "127.0.0.1", port: 6443 },
    },
  });
  const provisioned = { status: { ready: true, initialization: { provisioned: true } } };
  await client.mergePatch(harvesterClusters, { namespace, name: "demo" }, provisioned, {
    subresource: "status",
  });
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, name: "demo-etcd", labels: { "cluster.x-k8s.io/cluster-name": "demo" } },
    type: "cluster.x-k8s.io/secret",
    stringData: { "tls.crt": etcd.authority.certPem, "tls.key": etcd.authority.keyPem },
  });
  await client.create(clusters, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Cluster",
    metadata: { namespace, name: "demo" },
    spec: { infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterCluster", name: "demo" } },
  });
  for (const { name, address } of etcd.members) await createMachine(name, address);
}

async function createMachine(name: string, address: string): Promise<void> {
  const labels = { "cluster.x-k8s.io/cluster-name": "demo", "cluster.x-k8s.io/control-plane": "" };
  const machine: NewObject = {
    apiVersion: `${infrastructure}/v1beta1`,
    kind: "HarvesterMachine",
    metadata: { namespace, name, labels },
    spec: { ...machineSpec, providerID: `harvester://${name}` },
  };
  await client.create(harvesterMachines, machine);
  const status = {
    ready: true,
    initialization: { provisioned: true },
    addresses: [{ type: "InternalIP", address }],
  };
  await client.mergePatch(harvesterMachines, { namespace, name }, { status }, { subresource: "status" });
  await client.create(machines, {
    apiVersion: "cluster.x-k8s.io/v1beta2",
    kind: "Machine",
    metadata: { namespace, name, labels },
    spec: {
      clusterName: "demo",
      bootstrap: { dataSecretName: "bootstrap" },
      infrastructureRef: { apiGroup: infrastructure, kind: "HarvesterMachine", name },
    },
  });
}

const machine = (name: string): Promise<KubeObject | undefined> => client.get(machines, { namespace, name });

async function remove(name: string): Promise<void> {
  const uid = (await machine(name))?.metadata.uid ?? expect.fail();
  await client.delete(machines, { namespace, name }, { uid });
}

const conditionsSchema = z.looseObject({
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string(), reason: z.string() })) }),
});

/** Reasons of a Machine's conditions, by type. */
async function conditionsOf(name: string): Promise<Record<string, string>> {
  const { status } = conditionsSchema.parse(await machine(name));
  return Object.fromEntries(status.conditions.map(({ type, reason }) => [type, reason]));
}

const eventSchema = z.looseObject({
  reason: z.string(),
  involvedObject: z.looseObject({ name: z.string() }),
});

async function reasonsFor(name: string): Promise<string[]> {
  const found: string[] = [];
  for await (const object of client.list(events, { namespace })) {
    const { reason, involvedObject } = eventSchema.parse(object);
    if (involvedObject.name === name && reason.includes("Etcd")) found.push(reason);
  }
  return found;
}

beforeAll(async () => {
  const host = testHost();
  const plane = stack.use(await privateControlPlane({ name: "core" }, await ownCrds()));
  client = createKubeClient(plane.clientConfig, { clock });
  stack.defer(() => client.close());
  stack.use(await startClusterApiCore(host, plane, client, "simulator"));
  namespace = await newNamespace(client, "control-plane");
  etcd = stack.use(await startEtcdCluster(["cp-1", "cp-2", "cp-3"]));
  const management = createKubeClient(plane.clientConfigFor("capfn"), { clock });
  stack.defer(() => management.close());
  const operator = await operatorWith({ management, functions: [etcdRemove], namespace });
  stack.defer(() => operator.stop());
  await createCluster();
});

afterAll(() => stack.disposeAsync());

const patient = { timeout: 90_000, interval: 200 };

test("[check 90] Cluster API waits with a machine until its etcd member is gone, one machine after the other, down to the last", async () => {
  const addressed = z.looseObject({ status: z.looseObject({ addresses: z.array(z.unknown()).min(1) }) });
  for (const { name } of etcd.members) {
    await expect.poll(async () => (await machine(name))?.metadata.annotations?.[HOOK], patient).toBe("capfn");
    await expect.poll(async () => addressed.safeParse(await machine(name)).success, patient).toBe(true);
  }
  const leader = await etcd.leader();
  const [first = expect.fail(), second = expect.fail()] = etcd.members.filter((each) => each !== leader);

  // While another member is frozen the machine waits, and says why beside the conditions Cluster API keeps.
  second.process.signal("STOP");
  await remove(leader.name);
  await expect
    .poll(() => conditionsOf(leader.name), patient)
    .toMatchObject({
      Deleting: "WaitingForPreTerminateHook",
      EtcdMemberRemoved: "QuorumAtRisk",
    });
  second.process.signal("CONT");

  // Two at once: the one deleted first goes first, and neither takes the quorum along.
  await remove(first.name);
  let fewest = 3;
  for (const { name } of [leader, first]) {
    await expect
      .poll(async () => {
        const { members } = await second.client.members();
        fewest = Math.min(fewest, members.length);
        const gone = (await machine(name)) === undefined;
        // No infrastructure is given up while its member is listed.
        const infrastructureGone = (await client.get(harvesterMachines, { namespace, name })) === undefined;
        if (infrastructureGone) expect(members.map((each) => each.name)).not.toContain(name);
        return gone;
      }, patient)
      .toBe(true);
  }
  expect(fewest).toBe(1);
  expect((await second.client.members()).members.map(({ name }) => name)).toEqual([second.name]);
  await expect.poll(() => reasonsFor(leader.name), patient).toContain("EtcdLeaderMoved");
  expect(await reasonsFor(first.name)).toContain("EtcdMemberRemoved");

  await remove(second.name);
  await expect.poll(async () => (await machine(second.name)) === undefined, patient).toBe(true);
  expect(await reasonsFor(second.name)).toEqual(["LastEtcdMember"]);
  expect((await second.client.members()).members).toHaveLength(1);
}, 300_000);
