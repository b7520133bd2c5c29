import { expect, test } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterIpPools,
  ipAddressClaims,
  ipAddresses,
  ipPools,
  secrets,
  virtualMachines,
} from "#platform/kube/resources.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import { allocatedOf } from "#test/chaos/readings.ts";
import { openPlay, type Play } from "#test/chaos/trial.ts";

const stage = faultStage();
const LONG = { timeout: 180_000 };
const WAIT = { timeout: 60_000, interval: 30 };

/** What is made in a test, looked into without ceremony. */
type Loose = ReturnType<typeof JSON.parse>;

const poolRef = { apiGroup: "capfn.dev", kind: "HarvesterIPPool", name: "rack" };
const foreignRef = { apiGroup: "ipam.example.com", kind: "ExamplePool", name: "elsewhere" };

/** Claims, their pool and their addresses in the namespace of a play. */
function ipamOf({ names, actor, history }: Play) {
  const { M, H } = actor.theatre.clients;
  const at = (name: string) => ({ namespace: names.namespace, name });
  const read = async (type: ResourceType, name: string): Promise<Loose> => M.get(type, at(name));
  const make = (kind: string, apiVersion: string, name: string, spec: object): NewObject => ({
    apiVersion,
    kind,
    metadata: at(name),
    spec,
  });
  const claim = (name: string): Promise<Loose> => read(ipAddressClaims, name);
  const ready = async (name: string): Promise<string | undefined> =>
    (await claim(name))?.status?.conditions?.find(({ type }: { type: string }) => type === "Ready")?.reason;
  const remove = async (type: ResourceType, name: string): Promise<void> => {
    const object: KubeObject = await read(type, name);
    await M.delete(type, at(name), { uid: object.metadata.uid });
  };
  return {
    M,
    H,
    at,
    claim,
    ready,
    remove,
    address: (name: string): Promise<Loose> => read(ipAddresses, name),
    createPool: () =>
      M.create(
        harvesterIpPools,
        make("HarvesterIPPool", "capfn.dev/v1alpha1", "rack", {
          identitySecret: { name: "identity" },
          ipPool: names.pool("pool"),
        }),
      ),
    createClaim: (name: string, clusterName = names.cluster) =>
      M.create(
        ipAddressClaims,
        make("IPAddressClaim", "ipam.cluster.x-k8s.io/v1beta2", name, { clusterName, poolRef }),
      ),
    pause: (paused: boolean) => M.mergePatch(clusters, at(names.cluster), { spec: { paused } }),
    allocated: async (): Promise<ReadonlyMap<string, string>> => {
      const pool = await H.get(ipPools, { name: names.pool("pool") });
      return pool === undefined ? new Map() : allocatedOf(pool);
    },
    /** How often the pool lost an entry of this claim. */
    releases: (name: string): number => {
      const counts = history.observations
        .filter(({ resource, key }) => resource === "ippools" && key.endsWith(names.pool("pool")))
        .map(
          ({ object }) => [...allocatedOf(object).values()].filter((id) => id.includes(`/${name}/`)).length,
        );
      return counts.filter((count, index) => count < (counts[index - 1] ?? 0)).length;
    },
  };
}

/** The manifest of a machine's network, as its VM gets it. */
async function networkDataOf({ names, actor }: Play, machine: string): Promise<string> {
  const name = `${names.machine(machine)}-cloud-init`;
  const secret: Loose = await actor.theatre.clients.H.get(secrets, { namespace: names.target, name });
  return Buffer.from(secret.data.networkdata, "base64").toString("utf8");
}

test(
  "claims of our pool are served, each with its own address; when none is left they wait, and a deleted claim gives its back once",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names, director } = play;
    const ipam = ipamOf(play);
    await actor.prepare([["pool", 10, 12]]);
    await ipam.createPool();
    await Promise.all(["c1", "c2", "c3"].map((name) => ipam.createClaim(name)));
    await lives.start();
    for (const name of ["c1", "c2", "c3"]) await expect.poll(() => ipam.ready(name), WAIT).toBe("Ready");
    expect(new Set((await ipam.allocated()).values()).size).toBe(3);
    const given = await Promise.all(["c1", "c2", "c3"].map((name) => ipam.address(name)));
    expect(new Set(given.map(({ spec }) => spec.address)).size).toBe(3);
    expect(given[0]).toMatchObject({
      metadata: {
        ownerReferences: [{ kind: "IPAddressClaim", controller: true }, { kind: "HarvesterIPPool" }],
      },
      spec: { claimRef: { name: "c1" }, poolRef, prefix: 24, gateway: names.address(0) },
    });
    const writes = director.trace.filter(
      (entry) => entry.at === "call" && entry.resource === "ippools" && entry.verb === "patch",
    );
    expect(writes.length).toBeLessThanOrEqual(2);

    await ipam.createClaim("c4");
    await expect.poll(() => ipam.ready("c4"), WAIT).toBe("PoolExhausted");
    // One that waits may go too: it has nothing to give back.
    await ipam.createClaim("c5");
    await expect.poll(() => ipam.ready("c5"), WAIT).toBe("PoolExhausted");
    await ipam.remove(ipAddressClaims, "c5");
    await expect.poll(() => ipam.claim("c5"), WAIT).toBeUndefined();
    await ipam.remove(ipAddressClaims, "c1");
    await expect.poll(() => ipam.ready("c4"), WAIT).toBe("Ready");
    await expect.poll(() => ipam.claim("c1"), WAIT).toBeUndefined();
    await expect.poll(() => ipam.address("c1"), WAIT).toBeUndefined();
    expect((await ipam.address("c4")).spec.address).toBe(given[0].spec.address);
    await play.rest();
    expect(ipam.releases("c1")).toBe(1);

    // The pool stays as long as a claim names it.
    await ipam.remove(harvesterIpPools, "rack");
    await play.rest();
    expect(await ipam.M.get(harvesterIpPools, ipam.at("rack"))).toBeDefined();
    for (const name of ["c2", "c3", "c4"]) await ipam.remove(ipAddressClaims, name);
    await expect.poll(() => ipam.M.get(harvesterIpPools, ipam.at("rack")), WAIT).toBeUndefined();
    expect((await ipam.allocated()).size).toBe(0);
    expectSound(play);
  },
);

test(
  "a lost answer of the allocating write costs no second address; a paused Cluster's claims are let be",
  LONG,
  async () => {
    const call = { at: "call", by: "claim-serve", api: "H", verb: "patch", resource: "ippools" } as const;
    const plan = {
      seed: 1,
      scenario: "claim",
      faults: [{ fault: { kind: "answer-lost" }, trigger: { ...call, name: "TRIAL-pool", nth: 1 } }],
    } as const;
    await using play = openPlay(stage.theatre(), {
      functions: allFunctions,
      seed: 1,
      plan: { ...plan, faults: [...plan.faults] },
    });
    const { actor, lives, director } = play;
    const ipam = ipamOf(play);
    await actor.prepare([["pool", 10, 19]]);
    await ipam.createPool();
    await ipam.pause(true);
    await ipam.createClaim("c1");
    await lives.start();
    await play.rest();
    expect((await ipam.claim("c1")).metadata.finalizers).toBeUndefined();
    await ipam.pause(false);
    await expect.poll(() => ipam.ready("c1"), WAIT).toBe("Ready");
    expect(director.fired).toBe(1);
    expect((await ipam.allocated()).size).toBe(1);
    await ipam.pause(true);
    await play.rest();
    await ipam.remove(ipAddressClaims, "c1");
    await play.rest();
    expect((await ipam.allocated()).size).toBe(1);
    await ipam.pause(false);
    await expect.poll(() => ipam.claim("c1"), WAIT).toBeUndefined();
    expect((await ipam.allocated()).size).toBe(0);
    expect(ipam.releases("c1")).toBe(1);
    expectSound(play);
  },
);

test(
  "a machine takes its address from the claim of a foreign provider, and keeps it claimed until its VM is gone",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const ipam = ipamOf(play);
    const dns = { dnsServers: [names.address(2)] };
    await actor.prepare([], { cluster: { ipamNetworkConfig: { pools: [foreignRef], ...dns } } });
    await lives.start();
    await actor.createMachine("m1");
    const name = `${names.machine("m1")}-address-0`;
    await expect.poll(() => ipam.claim(name), WAIT).toBeDefined();
    const claim = await ipam.claim(name);
    expect(claim).toMatchObject({
      metadata: {
        labels: { "cluster.x-k8s.io/cluster-name": names.cluster },
        ownerReferences: [{ kind: "HarvesterMachine", name: names.machine("m1"), controller: true }],
      },
      spec: { clusterName: names.cluster, poolRef: foreignRef },
    });
    // The provider, played: a finalizer of its own, an IPAddress, the status that names it.
    const finalizers = [...claim.metadata.finalizers, "ipam.example.com/release"];
    await ipam.M.mergePatch(ipAddressClaims, ipam.at(name), { metadata: { finalizers } });
    await ipam.M.create(ipAddresses, {
      apiVersion: "ipam.cluster.x-k8s.io/v1beta2",
      kind: "IPAddress",
      metadata: ipam.at("given"),
      spec: {
        claimRef: { name },
        poolRef: foreignRef,
        address: "192.0.2.77",
        prefix: 25,
        gateway: "192.0.2.1",
      },
    });
    await ipam.M.mergePatch(
      ipAddressClaims,
      ipam.at(name),
      { status: { addressRef: { name: "given" } } },
      { subresource: "status" },
    );
    await actor.provisioned("m1");
    const networkData = await networkDataOf(play, "m1");
    expect(networkData).toContain("address: 192.0.2.77");
    expect(networkData).toContain("netmask: 255.255.255.128");
    expect(networkData).toContain("gateway: 192.0.2.1");
    expect(networkData).toContain(names.address(2));

    const vm = { namespace: names.target, name: names.machine("m1") };
    await ipam.H.mergePatch(virtualMachines, vm, { metadata: { finalizers: ["test/holds-the-vm"] } });
    await actor.deleteMachine("m1");
    await expect
      .poll(async () => (await ipam.H.get(virtualMachines, vm))?.metadata.deletionTimestamp, WAIT)
      .toBeDefined();
    await play.rest();
    expect((await ipam.claim(name)).metadata.deletionTimestamp).toBeUndefined();
    await ipam.H.mergePatch(virtualMachines, vm, { metadata: { finalizers: null } });
    await expect.poll(async () => (await ipam.claim(name)).metadata.deletionTimestamp, WAIT).toBeDefined();
    expect((await ipam.claim(name)).metadata.finalizers).toEqual(["ipam.example.com/release"]);
    await play.rest();
    expect(await ipam.H.get(virtualMachines, vm)).toBeUndefined();
    await ipam.M.mergePatch(ipAddressClaims, ipam.at(name), { metadata: { finalizers: null } });
    await actor.gone("m1");
    expectSound(play);
  },
);

test("a machine's claim is served by our own pool, end to end", LONG, async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  const ipam = ipamOf(play);
  await actor.prepare([["pool", 10, 19]], { cluster: { ipamNetworkConfig: { pools: [poolRef] } } });
  await ipam.createPool();
  await lives.start();
  await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
  await actor.provisioned("m1", "m2");
  const held = await ipam.allocated();
  expect(new Set(held.values()).size).toBe(2);
  const { spec } = await ipam.address(`${names.machine("m1")}-address-0`);
  expect(await networkDataOf(play, "m1")).toContain(`address: ${spec.address}`);
  await actor.deleteMachine("m1");
  await actor.gone("m1");
  expect([...(await ipam.allocated()).keys()]).not.toContain(spec.address);
  expect((await ipam.allocated()).size).toBe(1);
  expect(ipam.releases(`${names.machine("m1")}-address-0`)).toBe(1);
  await play.rest();
  expectSound(play);
});
