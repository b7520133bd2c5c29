import { expect, test } from "vitest";
import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  nodes,
  secrets,
  services,
} from "#platform/kube/resources.ts";
import { dnsLabel } from "#functions/harvester/cluster-names.ts";
import { expectSound, faultStage } from "#test/api/faults/stage.ts";
import { fromPools } from "#test/chaos/manifests.ts";
import { allocatedOf } from "#test/chaos/readings.ts";
import type { Play } from "#test/chaos/trial.ts";

const stage = faultStage();
const LONG = { timeout: 120_000 };

const clusterSchema = z.looseObject({
  spec: z.looseObject({
    controlPlaneEndpoint: z.looseObject({ host: z.string().optional() }).optional(),
    server: z.string().optional(),
  }),
  status: z
    .looseObject({
      ready: z.boolean().optional(),
      conditions: z
        .array(
          z.looseObject({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }),
        )
        .default([]),
      failureDomains: z.array(z.looseObject({ name: z.string() })).default([]),
    })
    .prefault({}),
});

/** The cluster of a play as the observer has seen it last, and what belongs to it on Harvester. */
function eyes({ names, history, actor }: Play) {
  const name = dnsLabel(names.namespace, names.cluster, "lb");
  const own = () => {
    const found = history.get("M", "harvesterclusters", `${names.namespace}/${names.cluster}`);
    return found === undefined ? undefined : clusterSchema.parse(found);
  };
  const condition = (type: string) => own()?.status.conditions.find((each) => each.type === type);
  const reads = (type: string) => {
    const found = condition(type);
    return `${found?.status}/${found?.reason}`;
  };
  const at = { namespace: names.target, name };
  return {
    at,
    own,
    condition,
    reads,
    endpoint: () => own()?.spec.controlPlaneEndpoint?.host,
    until: async (type: string, wanted: string): Promise<void> => {
      try {
        await actor.until(`${type} is ${wanted}`, () => reads(type) === wanted);
      } catch (error) {
        throw new Error(`${type} is ${JSON.stringify(condition(type))}`, { cause: error });
      }
    },
    ready: () => actor.until("the cluster is ready", () => own()?.status.ready === true),
    on: (type: typeof services): Promise<KubeObject | undefined> => actor.theatre.clients.H.get(type, at),
    pool: (pool: string) => {
      const found = history.get("H", "ippools", `/${pool}`);
      return found === undefined ? undefined : allocatedOf(found);
    },
  };
}

const noEndpoint = { controlPlaneEndpoint: undefined };

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
    expect(look.reads("LoadBalancerReady")).toBe("False/LoadBalancerNoBackendMachine");
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
    await actor.until("another load balancer", () => {
      const now = play.history.get("H", "loadbalancers", `${look.at.namespace}/${look.at.name}`);
      return now !== undefined && now.metadata.uid !== first?.metadata.uid;
    });
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
    expect(look.reads("CustomIPPoolCreated")).toBe("True/CustomIPPoolCreatedSuccessfully");
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
        volumes: [],
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

test(
  "wrong, refused and mended credentials are told by their cause, and a new Secret is enough [check 22] [check 23] [check 25] [check 26]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { M } = actor.theatre.clients;
    const look = eyes(play);
    const kubeconfig = (change: (text: string) => string) => ({
      data: { kubeconfig: Buffer.from(change(stageKubeconfig(play))).toString("base64") },
    });
    const identity = { namespace: names.namespace, name: "identity" };
    const says = async (text: RegExp): Promise<void> => {
      try {
        await actor.until(String(text), () =>
          text.test(look.condition("HarvesterConnectionReady")?.message ?? ""),
        );
      } catch (error) {
        throw new Error(JSON.stringify(look.condition("HarvesterConnectionReady")), { cause: error });
      }
    };
    await actor.prepare([], { cluster: noEndpoint, identity: "nonsense: [" });
    await lives.start();
    await look.until("HarvesterConnectionReady", "False/HarvesterAuthenticationFailed");
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/token: .*/, "token: wrong")),
    );
    await says(/refuses the credentials of the kubeconfig/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/server: .*/, "server: https://127.0.0.1:9")),
    );
    await says(/nothing listens at the API server's address/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text.replace(/ *certificate-authority-data: .*\n/, "")),
    );
    await says(/certificate is signed by no authority of the kubeconfig/);
    await M.mergePatch(secrets, identity, { data: { kubeconfig: null } });
    await says(/has no key "kubeconfig"/);
    await M.mergePatch(
      secrets,
      identity,
      kubeconfig((text) => text),
    );
    await look.ready();
    expect(look.own()?.spec.server).toMatch(/^https:/);
    expectSound(play);
  },
);

function stageKubeconfig({ actor }: Play): string {
  return actor.theatre.stage.H.kubeconfig;
}

test(
  "a missing pool of the machines is named, and the hosts' failure domains follow the spec [check 45] [check 46] [check 47]",
  LONG,
  async () => {
    await using play = stage.open();
    const { actor, lives, names } = play;
    const { H } = actor.theatre.clients;
    const look = eyes(play);
    await actor.prepare([], {
      cluster: { ...noEndpoint, ...fromPools(names, "late"), failureDomainSource: "ZonesOrHosts" },
    });
    await lives.start();
    await look.until("VMIPPoolReady", "False/VMIPPoolCreationFailed");
    expect(look.condition("VMIPPoolReady")?.message).toContain(names.pool("late"));
    const ready: string[] = [];
    for await (const host of H.list(nodes))
      if (host.metadata.name.startsWith("host-")) ready.push(host.metadata.name);
    await actor.until("hosts are published", () => {
      const published = look.own()?.status.failureDomains.map(({ name }) => name) ?? [];
      return ready.every((name) => published.includes(name));
    });
    expectSound(play);
  },
);
