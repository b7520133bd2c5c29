import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { machineConditions } from "#api/condition-names.ts";
import { renderKubeconfig } from "#platform/control-plane/kubeconfig.ts";
import {
  clusters,
  harvesterClusters,
  harvesterMachines,
  keyPairs,
  machines,
  secrets,
  virtualMachineImages,
} from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { startFaultProxy } from "#platform/simulator/fault-proxy.ts";
import * as manifests from "#test/chaos/manifests.ts";
import { machineView } from "#test/chaos/readings.ts";
import type { Play } from "#test/chaos/trial.ts";
import { condition, expectSound, faultStage, leftOnHarvester } from "#test/api/faults/stage.ts";
import { sharedHarvester, sharedManagement, type SharedControlPlane } from "#test/support/control-planes.ts";

const stage = faultStage();

function kubeconfig(
  plane: SharedControlPlane,
  over: { server?: string; caPem?: string; token?: string } = {},
) {
  const { name, server, caPem, tokens } = plane;
  return renderKubeconfig({ name, server, caPem, user: "capfn", token: tokens.capfn, ...over });
}

async function writeIdentity({ names, actor }: Play, text: string | undefined): Promise<void> {
  const { M } = actor.theatre.clients;
  const at = { namespace: names.namespace, name: "identity" };
  const secret = manifests.kubeconfigSecret(names, "identity", "kubeconfig", text ?? "");
  const found = await M.get(secrets, at);
  if (found === undefined) await M.create(secrets, secret);
  else await M.mergePatch(secrets, at, { data: secret["data"] });
}

async function clusterCondition(
  { history, names, actor }: Play,
  type: string,
  status: string,
  message?: RegExp,
) {
  const found = () => {
    const cluster = history.get("M", "harvesterclusters", `${names.namespace}/${names.cluster}`);
    const { conditions = [] } = (cluster?.["status"] ?? {}) as {
      conditions?: { type: string; status: string; reason: string; message: string }[];
    };
    return conditions.find((each) => each.type === type);
  };
  await actor.until(`${type} ${status} of the cluster`, () => {
    const now = found();
    return now?.status === status && (message === undefined || message.test(now.message));
  });
  return found();
}

test("a Harvester that is down for a while costs time and nothing else, for what is made and what is deleted [check 92]", async () => {
  await using proxy = await startFaultProxy({ upstream: sharedHarvester(), clock: systemClock() });
  await using play = stage.open();
  const { actor, lives } = play;
  await actor.prepare([["pool", 10, 19]], {
    cluster: manifests.fromPools(play.names, "pool"),
    identity: kubeconfig(sharedHarvester(), { server: proxy.server, caPem: proxy.caPem }),
  });
  await lives.start();
  await Promise.all([actor.createMachine("m1"), actor.createMachine("m2")]);
  await actor.provisioned("m1", "m2");

  const restore = proxy.addRule({ match: {}, fault: { kind: "dropped" } });
  proxy.cutWatches();
  await actor.createMachine("m3");
  await actor.deleteMachine("m1");
  await clusterCondition(play, "HarvesterConnectionReady", "False");
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(machineView(play.history, play.names, "m2").provisioned).toBe(true);
  expect(machineView(play.history, play.names, "m1").object).toBeDefined();
  expect(machineView(play.history, play.names, "m1").vm).toBeDefined();

  restore();
  await actor.gone("m1");
  await actor.provisioned("m3");
  await clusterCondition(play, "HarvesterConnectionReady", "True");
  await play.rest();
  expectSound(play);
});

test("no identity Secret, a malformed one, refused credentials and then good ones: each is told, the last one serves [check 22] [check 23] [check 25]", async () => {
  await using play = stage.open();
  const { actor, lives } = play;
  await actor.prepare([], { identity: false });
  await lives.start();
  await actor.createMachine("m1");
  await clusterCondition(play, "HarvesterConnectionReady", "False", /identity/);
  await writeIdentity(play, "this is no kubeconfig");
  await clusterCondition(play, "HarvesterConnectionReady", "False", /kubeconfig/i);
  await writeIdentity(play, kubeconfig(sharedHarvester(), { token: randomBytes(16).toString("hex") }));
  await clusterCondition(play, "HarvesterConnectionReady", "False", /credentials/);
  expect(leftOnHarvester(play)).toEqual([]);
  await writeIdentity(play, kubeconfig(sharedHarvester()));
  await actor.provisioned("m1");
  await clusterCondition(play, "HarvesterConnectionReady", "True");
  expectSound(play);
});

test("a rotated identity Secret is taken over while machines are made and deleted", async () => {
  await using play = stage.open();
  const { actor, lives } = play;
  await actor.prepare([["pool", 10, 19]], { cluster: manifests.fromPools(play.names, "pool") });
  await lives.start();
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  const other = kubeconfig(sharedHarvester(), { token: sharedHarvester().tokens.admin });
  await Promise.all([writeIdentity(play, other), actor.createMachine("m2"), actor.deleteMachine("m1")]);
  await actor.gone("m1");
  await actor.provisioned("m2");
  await play.rest();
  expectSound(play);
});

test("a machine waits for bootstrap data that come late, and does not make a VM before [check 51]", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  await actor.prepare([]);
  await lives.start();
  await actor.createMachine("m1", { bootstrap: false });
  await play.rest();
  expect(leftOnHarvester(play)).toEqual([]);
  await actor.theatre.clients.M.create(secrets, manifests.bootstrapSecret(names, names.machine("m1")));
  await actor.provisioned("m1");
  expectSound(play);
});

test("malformed cloud-init is named in a condition and makes no VM; mended data do [check 61]", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  await actor.prepare([]);
  await lives.start();
  await actor.createMachine("m1", { bootstrap: "#cloud-config\nwrite_files: [unclosed" });
  await condition(play, "m1", machineConditions.VMProvisioningReady, {
    status: "False",
    message: /bootstrap/,
  });
  expect(leftOnHarvester(play)).toEqual([]);
  const name = `${names.machine("m1")}-bootstrap`;
  const { M } = actor.theatre.clients;
  const value = Buffer.from("#cloud-config\n").toString("base64");
  await M.mergePatch(secrets, { namespace: names.namespace, name }, { data: { value } });
  // Secrets' content is not watched: whoever mends it says so, by any change of the machine.
  const at = { namespace: names.namespace, name: names.machine("m1") };
  await M.mergePatch(harvesterMachines, at, {
    metadata: { annotations: { "capfn.dev/look-at": "mended" } },
    spec: { cpu: 3 },
  });
  await actor.provisioned("m1");
  expectSound(play);
});

test("a missing image, then a missing key pair, are named and waited for; nothing stray is made [check 58]", async () => {
  await using play = stage.open();
  const { actor, lives, names } = play;
  await actor.prepare([["pool", 10, 11]], {
    image: false,
    keyPair: false,
    cluster: manifests.fromPools(names, "pool"),
  });
  await lives.start();
  await actor.createMachine("m1");
  await condition(play, "m1", machineConditions.VMProvisioningReady, {
    status: "False",
    message: /ubuntu.*operators/,
  });
  const { H } = actor.theatre.clients;
  await H.create(virtualMachineImages, manifests.image(names));
  await condition(play, "m1", machineConditions.VMProvisioningReady, {
    status: "False",
    message: /^(?!.*ubuntu).*operators/,
  });
  expect(leftOnHarvester(play)).toEqual([]);
  await H.create(keyPairs, manifests.keyPair(names));
  await actor.provisioned("m1");
  await play.rest();
  expectSound(play);
});

test("one workload API that accepts every call and answers none leaves the nine others unchanged [check 79] [check 118]", async () => {
  await using proxy = await startFaultProxy({ upstream: sharedManagement(), clock: systemClock() });
  proxy.blackHole();
  await using play = stage.open();
  const { actor, lives, names } = play;
  const { M } = actor.theatre.clients;
  await actor.prepare([], {
    workload: kubeconfig(sharedManagement(), { server: proxy.server, caPem: proxy.caPem }),
  });
  const others = Array.from({ length: 9 }, (_, index) => ({ ...names, cluster: `${names.id}-c${index}` }));
  for (const each of others) {
    const owner = await M.create(clusters, manifests.cluster(each));
    await M.create(harvesterClusters, manifests.harvesterCluster(each, owner.metadata.uid));
    await M.mergePatch(
      clusters,
      owner.metadata,
      { status: { initialization: { infrastructureProvisioned: true } } },
      { subresource: "status" },
    );
    await M.create(
      secrets,
      manifests.kubeconfigSecret(each, `${each.cluster}-kubeconfig`, "value", kubeconfig(sharedManagement())),
    );
  }
  await lives.start();
  await actor.createMachine("m1");
  await actor.until(
    "the black-holed cluster's machine provisioned",
    () => machineView(play.history, names, "m1").provisioned,
  );
  const startedAt = performance.now();
  for (const [index, each] of others.entries()) {
    const name = names.machine(`w${index}`);
    const owner = await M.create(machines, manifests.machine(each, name));
    await M.create(secrets, manifests.bootstrapSecret(names, name));
    await M.create(harvesterMachines, manifests.harvesterMachine(each, name, { owner: owner.metadata.uid }));
  }
  await actor.provisioned(...others.map((_, index) => `w${index}`));
  expect(performance.now() - startedAt).toBeLessThan(30_000);
  expect(machineView(play.history, names, "m1").complete).toBe(false);
  expectSound(play);
});
