import { expect, test } from "vitest";
import { machineConditions, machineReasons } from "#api/condition-names.ts";
import { machineFinalizer } from "#api/names.ts";
import { allFunctions } from "#cli/functions.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { clusters, harvesterMachines, virtualMachines } from "#platform/kube/resources.ts";
import * as manifests from "#test/chaos/manifests.ts";
import { machineView } from "#test/chaos/readings.ts";
import type { Play } from "#test/chaos/trial.ts";
import { condition, expectSound, faultStage, leftOnHarvester, machineNow } from "#test/api/faults/stage.ts";

const stage = faultStage();

async function prepared(play: Play): Promise<void> {
  await play.actor.prepare([["pool", 10, 29]], { cluster: manifests.fromPools(play.names, "pool") });
  await play.lives.start();
}

function foreignVm({ names }: Play, name: string) {
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachine",
    metadata: {
      name: names.machine(name),
      namespace: names.target,
      labels: { "capfn.dev/owner-uid": "somebody" },
    },
    spec: {
      runStrategy: "Halted",
      template: { spec: { domain: { devices: {} }, networks: [], volumes: [] } },
    },
  };
}

test("a foreign VM of the machine's name is named, left alone, and survives the machine's deletion [check 84]", async () => {
  await using play = stage.open();
  const { actor, names, history } = play;
  await prepared(play);
  const { H } = actor.theatre.clients;
  const foreign = await H.create(virtualMachines, foreignVm(play, "m1"));
  await actor.createMachine("m1");
  await condition(play, "m1", machineConditions.VMProvisioningReady, {
    status: "False",
    reason: machineReasons.VMNameTaken,
  });
  await actor.deleteMachine("m1");
  await actor.gone("m1");
  await play.rest();
  const left = await H.get(virtualMachines, { namespace: names.target, name: names.machine("m1") });
  expect(left?.metadata.uid).toBe(foreign.metadata.uid);
  expect(left?.metadata.deletionTimestamp).toBeUndefined();
  expect(left?.["spec"]).toEqual(foreign["spec"]);
  expect(leftOnHarvester(play)).toEqual([`virtualmachines ${names.machine("m1")}`]);
  expect(
    history.all("H", "ippools").map((pool) => (pool["status"] as { available: number }).available),
  ).toEqual([20]);
  expectSound(play);
});

test("a VM deleted behind our back is reported, never made again, and the machine can still be deleted [check 83] [check 87]", async () => {
  await using play = stage.open();
  const { actor, names } = play;
  await prepared(play);
  await actor.createMachine("m1");
  await actor.provisioned("m1");
  const { H } = actor.theatre.clients;
  const { vm } = machineView(play.history, names, "m1");
  await H.delete(virtualMachines, vm!.metadata, { uid: vm!.metadata.uid });
  await condition(play, "m1", machineConditions.MachineCreated, {
    status: "False",
    reason: machineReasons.MachineNotFound,
  });
  play.lives.restart();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await play.rest();
  const { machine, vm: again } = machineView(play.history, names, "m1");
  expect(again).toBeUndefined();
  expect(machine?.status).toMatchObject({ ready: false, initialization: { provisioned: true } });
  await actor.deleteMachine("m1");
  await actor.gone("m1");
  await play.rest();
  expect(leftOnHarvester(play)).toEqual([]);
});

/** What `clusterctl move` does to every source object (Cluster API, clusterctl move: deletion of source objects). */
async function moveAway(play: Play, object: KubeObject): Promise<void> {
  const { M } = play.actor.theatre.clients;
  const annotations = { "clusterctl.cluster.x-k8s.io/delete-for-move": "" };
  await M.jsonPatch(harvesterMachines, object.metadata, [
    { op: "add", path: "/metadata/annotations", value: annotations },
  ]);
  await M.delete(harvesterMachines, object.metadata, { uid: object.metadata.uid });
  // Between the two a watcher sees a deleted machine with our finalizer and without the annotation that paused it.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await M.mergePatch(harvesterMachines, object.metadata, { metadata: { finalizers: [] } });
}

test.each(["paused Cluster", "paused machine whose Cluster has gone"])(
  "clusterctl move leaves the VM, its disks and its address alone: %s",
  async (how) => {
    await using play = stage.open();
    const { actor, names } = play;
    const { M } = actor.theatre.clients;
    await prepared(play);
    await actor.createMachine("m1");
    await actor.provisioned("m1");
    const before = leftOnHarvester(play);
    const cluster = { namespace: names.namespace, name: names.cluster };
    await M.mergePatch(clusters, cluster, { spec: { paused: true } });
    await condition(play, "m1", machineConditions.Paused, { status: "True" });
    if (how !== "paused Cluster") {
      const found = await M.get(clusters, cluster);
      await M.delete(clusters, cluster, { uid: found!.metadata.uid });
    }
    await moveAway(play, (await machineNow(play, "m1"))!);
    await actor.gone("m1");
    await play.rest();
    expect(leftOnHarvester(play)).toEqual(before);
    expect(machineView(play.history, names, "m1").vm?.metadata.deletionTimestamp).toBeUndefined();
    expectSound(play, { moved: true });
  },
);

test("without admission a volume without a size is refused in a condition, with the field's name [check 19] [check 20]", async () => {
  await using play = stage.open();
  const { actor } = play;
  await prepared(play);
  const spec = { volumes: [{ volumeType: "image", imageName: "ubuntu" }] };
  await actor.createMachine("m1", { spec });
  await condition(play, "m1", machineConditions.VMProvisioningReady, {
    status: "False",
    message: /volumeSize/,
  });
  expect(leftOnHarvester(play)).toEqual([]);
});

test("unknown fields, labels and annotations of a machine harm nothing and are not touched", async () => {
  await using play = stage.open();
  const { actor } = play;
  await prepared(play);
  await actor.createMachine("m1", {
    spec: { fieldOfTheFuture: { deep: [1, 2, 3] } },
    metadata: { annotations: { "example.com/note": "kept" }, finalizers: ["example.com/other"] },
  });
  await actor.provisioned("m1");
  await play.rest();
  const { metadata } = (await machineNow(play, "m1"))!;
  expect(metadata.annotations).toMatchObject({ "example.com/note": "kept" });
  expect(metadata.finalizers).toEqual(expect.arrayContaining(["example.com/other", machineFinalizer]));
  await actor.deleteMachine("m1");
  await actor.until("our finalizer gone", () => {
    const { object } = machineView(play.history, play.names, "m1");
    return object !== undefined && object.metadata.finalizers?.includes(machineFinalizer) === false;
  });
  await play.rest();
  expect((await machineNow(play, "m1"))?.metadata.finalizers).toEqual(["example.com/other"]);
  expect(leftOnHarvester(play)).toEqual([]);
});

test(
  "a machine that breaks a function every time delays none of the others among 1,000",
  { timeout: 300_000 },
  async () => {
    let runs = 0;
    const fragile = allFunctions.map((fn) => ({
      ...fn,
      run: (...args: Parameters<typeof fn.run>) => {
        const isPoison =
          fn.name === "vm-create" && args[0].some(({ object }) => object.name.endsWith("-poison"));
        if (!isPoison) return fn.run(...args);
        runs += 1;
        throw new TypeError("poison");
      },
    }));
    await using play = stage.open(fragile);
    const { actor, names } = play;
    const { M } = actor.theatre.clients;
    await prepared(play);
    const idle = Array.from({ length: 1_000 }, (_, index) =>
      // They wait for their owner, as freshly cloned machines do.
      ({
        ...manifests.harvesterMachine(names, names.machine(`i${index}`), {
          owner: "nobody",
          metadata: { ownerReferences: [] },
        }),
      }),
    );
    for (let at = 0; at < idle.length; at += 25)
      await Promise.all(idle.slice(at, at + 25).map((machine) => M.create(harvesterMachines, machine)));
    await actor.createMachine("poison");
    await actor.until("the poison has been tried", () => runs > 0);
    const healthy = ["m1", "m2", "m3", "m4", "m5"];
    await Promise.all(healthy.map((name) => actor.createMachine(name)));
    const startedAt = performance.now();
    await actor.provisioned(...healthy);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    await condition(play, "poison", machineConditions.VMProvisioningReady, {
      status: "False",
      reason: "AttemptsExhausted",
    });
    const triedUntilParked = runs;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(runs).toBe(triedUntilParked);
    expectSound(play);
  },
);
