import { expect, test } from "vitest";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  secrets,
  services,
} from "#platform/kube/resources.ts";
import { dnsLabel } from "#functions/harvester/cluster-names.ts";
import { eyes, noEndpoint } from "#test/api/cluster-eyes.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import type { Play } from "#test/chaos/trial.ts";

const stage = faultStage();
const LONG = { timeout: 120_000 };

function controlPlane({ names }: Play) {
  return {
    metadata: {
      labels: { "cluster.x-k8s.io/cluster-name": names.cluster, "cluster.x-k8s.io/control-plane": "" },
    },
  };
}

/** Deletes the HarvesterCluster, as Cluster API does once the machines are gone. */
async function deleteCluster({ names, actor }: Play): Promise<void> {
  const { M } = actor.theatre.clients;
  const at = { namespace: names.namespace, name: names.cluster };
  const own = await M.get(harvesterClusters, at);
  await M.delete(harvesterClusters, at, { uid: own?.metadata.uid ?? "" });
}

const isGone =
  ({ names, history }: Play) =>
  (): boolean =>
    history.get("M", "harvesterclusters", `${names.namespace}/${names.cluster}`) === undefined;

test(
  "from nothing to an endpoint, a load balancer, and nothing again [check 27] [check 28] [check 29] [check 34] [check 35] [check 94] [check 98]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives } = play;
    const look = eyes(play);
    await actor.prepare([], { cluster: noEndpoint });
    await lives.start();
    await look.ready();
    const host = look.endpoint();
    expect(host).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    await look.until("LoadBalancerReady", "False/LoadBalancerNoBackendMachine");
    expect(await look.on(services)).toMatchObject({
      spec: { type: "LoadBalancer", loadBalancerIP: "0.0.0.0" },
    });
    await actor.createMachine("cp", controlPlane(play));
    await look.until("LoadBalancerReady", "True/LoadBalancerReady");
    expect(await look.on(loadBalancers)).toMatchObject({ spec: { workloadType: "vm", ipam: "dhcp" } });
    expect(look.endpoint()).toBe(host);
    await actor.provisioned("cp");
    await play.rest();

    // Somebody deletes the load balancer, and changes the next one.
    const first = await look.on(loadBalancers);
    const { H } = actor.theatre.clients;
    await H.delete(loadBalancers, look.at, { uid: first?.metadata.uid ?? "" });
    const uids = [undefined, first?.metadata.uid];
    await expect
      .poll(async () => uids.includes((await look.on(loadBalancers))?.metadata.uid), { timeout: 30_000 })
      .toBe(false);
    await H.mergePatch(loadBalancers, look.at, { spec: { listeners: null, description: "mine" } });
    await play.rest();
    expect(await look.on(loadBalancers)).toMatchObject({
      spec: {
        listeners: [{ name: "api-server", port: 6443 }],
        description: expect.stringContaining("Load Balancer for"),
      },
    });
    expect(look.endpoint()).toBe(host);

    await deleteCluster(play);
    await play.rest();
    expect(isGone(play)()).toBe(false);
    await actor.deleteMachine("cp");
    await actor.gone("cp");
    await actor.until("the cluster is gone", isGone(play));
    await play.rest();
    expect(await look.on(loadBalancers)).toBeUndefined();
    expect(await look.on(services)).toBeUndefined();
    expectSound(play);
  },
);

test(
  "with a pool given inline: made, named, used, given back and deleted [check 30] [check 31] [check 48] [check 95]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const look = eyes(play);
    const inline = {
      vmNetwork: "default/vlan1",
      subnet: names.subnet,
      gateway: names.address(0),
      rangeStart: names.address(40),
      rangeEnd: names.address(41),
    };
    await actor.prepare([], {
      cluster: { ...noEndpoint, loadBalancerConfig: { ipamType: "pool", ipPool: inline } },
    });
    await lives.start();
    await look.ready();
    const pool = dnsLabel(names.namespace, names.cluster, "ippool");
    const holder = `${look.at.namespace}/${look.at.name}`;
    expect(look.endpoint()).toBe(names.address(40));
    expect(look.pool(pool)).toEqual(new Map([[names.address(40), holder]]));
    await look.until("CustomIPPoolCreated", "True/CustomIPPoolCreatedSuccessfully");
    await play.rest();
    await deleteCluster(play);
    await actor.until("the cluster is gone", isGone(play));
    const { H } = actor.theatre.clients;
    expect(await H.get(ipPools, { name: pool })).toBeUndefined();
    expect(await look.on(services)).toBeUndefined();
    expectSound(play);
  },
);

test(
  "a pool without an address is told, and the first that comes free is taken at once [check 32]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { H } = actor.theatre.clients;
    const look = eyes(play);
    await actor.prepare([["lbs", 40, 40]], {
      cluster: { ...noEndpoint, loadBalancerConfig: { ipamType: "pool", ipPoolRef: names.pool("lbs") } },
    });
    const at = { name: names.pool("lbs") };
    await H.mergePatch(ipPools, at, { status: { allocated: { [names.address(40)]: "somebody/else" } } });
    await lives.start();
    await look.until("LoadBalancerReady", "False/LoadBalancerPoolExhausted");
    await play.rest();
    await H.mergePatch(ipPools, at, { status: { allocated: { [names.address(40)]: null } } });
    await look.ready();
    expect(look.endpoint()).toBe(names.address(40));
    expectSound(play);
  },
);

test(
  "two clusters of one name in two namespaces share a target namespace, each with its own load balancer [check 44]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const look = eyes(play);
    await actor.prepare([], { cluster: noEndpoint });
    // The namesake lives elsewhere and has left a machine behind under the same Cluster name.
    const machine = {
      apiVersion: "infrastructure.cluster.x-k8s.io/v1beta1",
      kind: "HarvesterMachine",
      metadata: {
        namespace: "default",
        name: names.machine("other"),
        labels: { "cluster.x-k8s.io/cluster-name": names.cluster, "cluster.x-k8s.io/control-plane": "" },
      },
      spec: {
        cpu: 1,
        memory: "1Gi",
        sshUser: "x",
        sshKeyPair: "x",
        volumes: [{ volumeType: "image", imageName: "x", volumeSize: "1Gi" }],
        networks: ["default/vlan1"],
      },
    };
    const made = await M.create(harvesterMachines, machine);
    try {
      await lives.start();
      await look.ready();
      await play.rest();
      expect(await look.on(loadBalancers)).toBeUndefined();
      await actor.createMachine("cp", controlPlane(play));
      await look.until("LoadBalancerReady", "True/LoadBalancerReady");
      expect(await look.on(loadBalancers)).toMatchObject({
        spec: { backendServerSelector: { "capfn.dev/owner-namespace": [names.namespace] } },
      });
    } finally {
      await M.delete(harvesterMachines, machine.metadata, { uid: made.metadata.uid });
    }
    expectSound(play);
  },
);

test(
  "while Harvester is not reached nothing is deleted; given up, the cluster goes and an Event says what is left [check 93]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const look = eyes(play);
    await actor.prepare([], { cluster: noEndpoint });
    await lives.start();
    await look.ready();
    await play.rest();
    const identity = { namespace: names.namespace, name: "identity" };
    const secret = await M.get(secrets, identity);
    await M.delete(secrets, identity, { uid: secret?.metadata.uid ?? "" });
    await look.until("HarvesterConnectionReady", "False/HarvesterAuthenticationFailed");
    expect(look.condition("HarvesterConnectionReady")?.message).toMatch(/does not exist; create it/);
    await deleteCluster(play);
    await look.until("Deleting", "True/HarvesterUnreachable");
    expect(await look.on(services)).toBeDefined();
    await M.mergePatch(
      harvesterClusters,
      { namespace: names.namespace, name: names.cluster },
      { metadata: { annotations: { "capfn.dev/abandon-external": "the rack is gone" } } },
    );
    await actor.until("the cluster is gone", isGone(play));
    expect(await look.on(services)).toBeDefined();
    expectSound(play, { moved: true });
  },
);

test("a paused cluster that is deleted keeps everything; unpaused, it goes [check 49]", LONG, async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  const { M } = actor.theatre.clients;
  const look = eyes(play);
  await actor.prepare([], { cluster: noEndpoint });
  await lives.start();
  await look.ready();
  const at = { namespace: names.namespace, name: names.cluster };
  await M.mergePatch(clusters, at, { spec: { paused: true } });
  await look.until("Paused", "True/Paused");
  await deleteCluster(play);
  await look.until("Deleting", "True/Paused");
  expect(await look.on(services)).toBeDefined();
  await M.mergePatch(clusters, at, { spec: { paused: false } });
  await actor.until("the cluster is gone", isGone(play));
  expect(await look.on(services)).toBeUndefined();
  expectSound(play);
});
