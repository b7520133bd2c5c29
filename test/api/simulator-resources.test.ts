import { expect, test } from "vitest";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  deployments,
  ipPools,
  keyPairs,
  loadBalancers,
  networkAttachmentDefinitions,
  services,
  virtualMachineImages,
} from "#platform/kube/resources.ts";
import { createKubeClient } from "#platform/kube/rest.ts";
import { systemClock } from "#platform/process/clock.ts";
import { harvesterCrds } from "#platform/control-plane/third-party-manifests.ts";
import { installHarvester } from "#platform/simulator/install-harvester.ts";
import { vmOperations } from "#platform/simulator/vm-operations.ts";
import { privateControlPlane, testHost } from "#test/support/control-planes.ts";
import { FAST_TIMES } from "#platform/simulator/times.ts";
import { simulatedHarvester, until } from "#test/support/simulated-harvester.ts";

interface PoolLike {
  readonly status?: {
    readonly total?: number;
    readonly available?: number;
    readonly allocated?: Record<string, string>;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}
const pool = (object: KubeObject | undefined): NonNullable<PoolLike["status"]> =>
  (object as PoolLike | undefined)?.status ?? {};
const condition = (object: KubeObject | undefined, type: string): string | undefined =>
  pool(object).conditions?.find((each) => each.type === type)?.status;
const range = (rangeStart: string, rangeEnd: string) => ({
  subnet: "10.50.0.0/16",
  gateway: "10.50.0.1",
  rangeStart,
  rangeEnd,
});

test("an image makes progress, is imported and then has its storage class", async () => {
  await using harvester = await simulatedHarvester({ times: { ...FAST_TIMES, imageAfterMs: 300 } });
  const { client, namespace, simulator } = harvester;
  const name = { namespace, name: "image-1" };
  await simulator.addImage({ ...name, displayName: "leap" });
  const begun = await until(
    client,
    virtualMachineImages,
    name,
    (image) => condition(image, "Imported") === "Unknown",
  );
  expect(begun).toMatchObject({ spec: { displayName: "leap" }, status: { progress: 0 } });
  await until(
    client,
    virtualMachineImages,
    name,
    (image) => (image as { status?: { progress?: number } }).status?.progress === 50,
  );
  const imported = await until(
    client,
    virtualMachineImages,
    name,
    (image) => condition(image, "Imported") === "True",
  );
  expect(imported).toMatchObject({ status: { progress: 100, storageClassName: "longhorn-image-1" } });
});

test("a key pair is validated and gets its fingerprint; one that is no key is not", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlwsDLuGd0HG8j3h/JzIPkFc9HzKTzIXhYJmIyZBvqG me";
  await simulator.addKeyPair({ namespace, name: "good", publicKey });
  await simulator.addKeyPair({ namespace, name: "bad", publicKey: "ssh-ed25519 nonsense" });
  const good = await until(
    client,
    keyPairs,
    { namespace, name: "good" },
    (key) => condition(key, "validated") === "True",
  );
  expect(good).toMatchObject({
    status: { fingerPrint: expect.stringMatching(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/) },
  });
  await until(client, keyPairs, { namespace, name: "bad" }, (key) => condition(key, "validated") === "False");
});

test("a pool is counted when its ranges change, and only then", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const name = { name: `${namespace}-pool` };
  await simulator.addIpPool({
    ...name,
    ranges: [range("10.50.0.10", "10.50.0.12")],
    network: "default/vlan1",
  });
  await until(client, ipPools, name, (object) => pool(object).total === 3);

  const patch = { status: { allocated: { "10.50.0.10": "demo/vm-1" }, available: 77 } };
  await client.mergePatch(ipPools, name, patch);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(pool(await client.get(ipPools, name))).toMatchObject({ total: 3, available: 77 });

  await client.mergePatch(ipPools, name, { spec: { ranges: [range("10.50.0.10", "10.50.0.19")] } });
  const grown = await until(client, ipPools, name, (object) => pool(object).total === 10);
  expect(pool(grown)).toMatchObject({ available: 9, allocated: { "10.50.0.10": "demo/vm-1" } });
});

test("a pool with addresses in use cannot be deleted; an empty one can", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const name = { name: `${namespace}-pool` };
  const { metadata } = await simulator.addIpPool({ ...name, ranges: [range("10.50.0.10", "10.50.0.12")] });
  await until(client, ipPools, name, (object) => pool(object).total === 3);
  await client.mergePatch(ipPools, name, { status: { allocated: { "10.50.0.10": "demo/vm-1" } } });
  await expect(client.delete(ipPools, name, { uid: metadata.uid })).rejects.toMatchObject({
    reason: "invalid",
  });
  await client.mergePatch(ipPools, name, { status: { allocated: null } });
  expect(await client.delete(ipPools, name, { uid: metadata.uid })).toBe(true);
});

test("a pool that overlaps another or names no network has no addresses and says why, until that is mended", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const first = { name: `${namespace}-a` };
  const second = { name: `${namespace}-b` };
  const third = { name: `${namespace}-c` };
  const { metadata } = await simulator.addIpPool({ ...first, ranges: [range("10.50.0.10", "10.50.0.12")] });
  await until(client, ipPools, first, (object) => condition(object, "Ready") === "True");
  await simulator.addIpPool({ ...second, ranges: [range("10.50.0.12", "10.50.0.14")] });
  const refused = await until(client, ipPools, second, (object) => condition(object, "Ready") === "False");
  expect(pool(refused)).toMatchObject({
    total: 0,
    available: 0,
    conditions: [{ message: `spec.ranges[0] overlaps a range of IPPool ${first.name}` }],
  });
  await client.delete(ipPools, first, { uid: metadata.uid });
  await until(client, ipPools, second, (object) => pool(object).total === 3);

  const ranges = [range("10.50.1.10", "10.50.1.12")];
  await simulator.addIpPool({ ...third, ranges, network: `${namespace}/later` });
  await until(client, ipPools, third, (object) => condition(object, "Ready") === "False");
  const network = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition" };
  const later = { ...network, metadata: { namespace, name: "later" }, spec: { config: "{}" } };
  await client.create(networkAttachmentDefinitions, later);
  await until(client, ipPools, third, (object) => pool(object).total === 3);
});

test("a LoadBalancer takes its address from its pool and gives it back when it is deleted", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace, simulator } = harvester;
  const ofPool = { name: `${namespace}-pool` };
  await simulator.addIpPool({ ...ofPool, ranges: [range("10.50.0.20", "10.50.0.22")] });
  await until(client, ipPools, ofPool, (object) => pool(object).total === 3);
  const name = { namespace, name: "lb" };
  const { metadata } = await client.create(loadBalancers, balancer(name, "pool", ofPool.name));
  await until(client, loadBalancers, name, (object) => addressOf(object) === "10.50.0.20");
  expect(pool(await client.get(ipPools, ofPool))).toMatchObject({
    available: 2,
    allocated: { "10.50.0.20": `${namespace}/lb` },
  });
  await client.delete(loadBalancers, name, { uid: metadata.uid });
  await until(client, loadBalancers, name, (object) => object === undefined);
  expect(pool(await client.get(ipPools, ofPool))).toMatchObject({
    available: 3,
    allocatedHistory: { "10.50.0.20": `${namespace}/lb` },
  });
});

test("a Service of type LoadBalancer gets an address, and a LoadBalancer of its name the same one", async () => {
  await using harvester = await simulatedHarvester();
  const { client, namespace } = harvester;
  const name = { namespace, name: "demo-lb" };
  await client.create(services, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...name, labels: { "loadbalancer.harvesterhci.io/servicelb": "true" } },
    spec: { type: "LoadBalancer", loadBalancerIP: "0.0.0.0", ports: [{ name: "api-server", port: 6443 }] },
  });
  interface Exposed {
    status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
  }
  const ingress = (object: KubeObject | undefined) =>
    (object as Exposed | undefined)?.status?.loadBalancer?.ingress?.[0]?.ip;
  const service = await until(client, services, name, (object) => ingress(object) !== undefined);
  await client.create(loadBalancers, balancer(name, "dhcp"));
  await until(client, loadBalancers, name, (object) => addressOf(object) === ingress(service));
});

test("Harvester's Deployment is available after the installation and after each change as it was told", async () => {
  const needed = ["ippools.loadbalancer.harvesterhci.io", "network-attachment-definitions.k8s.cni.cncf.io"];
  const crds = (await harvesterCrds(testHost())).filter(({ metadata }) => needed.includes(metadata.name));
  await using plane = await privateControlPlane({ name: "harvester" });
  const clock = systemClock();
  const client = createKubeClient(plane.clientConfig, { clock });
  await installHarvester(client, { clock, crds });
  const name = { namespace: "harvester-system", name: "harvester" };
  expect(condition(await client.get(deployments, name), "Available")).toBe("True");
  const operations = vmOperations(client, clock);
  await operations.setAvailable(false);
  expect(condition(await client.get(deployments, name), "Available")).toBe("False");
  await operations.setAvailable(true);
  expect(condition(await client.get(deployments, name), "Available")).toBe("True");
  client.close();
});

function balancer(name: { namespace: string; name: string }, ipam: string, ipPool?: string) {
  return {
    apiVersion: "loadbalancer.harvesterhci.io/v1beta1",
    kind: "LoadBalancer",
    metadata: name,
    spec: {
      workloadType: "vm",
      ipam,
      ...(ipPool === undefined ? {} : { ipPool }),
      listeners: [{ name: "api-server", port: 6443, backendPort: 6443, protocol: "TCP" }],
    },
  };
}

function addressOf(object: KubeObject | undefined): string | undefined {
  return (object as { status?: { address?: string } } | undefined)?.status?.address;
}
