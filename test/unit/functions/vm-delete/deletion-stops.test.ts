import { describe, expect, test } from "vitest";
import { ipRelease } from "#functions/harvester/ip-release/function.ts";
import { vmDelete } from "#functions/harvester/vm-delete/function.ts";
import { clusters } from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  harvesterCluster,
  harvesterMachine,
  machine,
} from "#test/support/cluster-objects.ts";
import type { FakeDeps } from "#test/support/step-deps.ts";
import { names, own, setUp, type Setup } from "#test/unit/functions/vm-delete/deleted-machine.ts";

describe("nothing outside is destroyed", () => {
  const move = { "clusterctl.cluster.x-k8s.io/delete-for-move": "" };
  test.each<[string, Setup]>([
    [
      "when clusterctl moves the machine away, though its other annotations are gone",
      { metadata: { annotations: move } },
    ],
    [
      "when the machine is paused [check 49]",
      { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } },
    ],
    ["when another system manages it", { metadata: { annotations: { "cluster.x-k8s.io/managed-by": "x" } } }],
    [
      "when the Cluster is paused [check 49]",
      { management: [cluster({ spec: { paused: true } }), harvesterCluster(), machine("m-0")] },
    ],
    [
      "when the Cluster moves away",
      { management: [cluster({ metadata: { annotations: move } }), harvesterCluster(), machine("m-0")] },
    ],
    ["when the Cluster does not exist", { management: [harvesterCluster(), machine("m-0")] }],
    ["when the HarvesterCluster does not exist", { management: [cluster(), machine("m-0")] }],
  ])("%s; it costs no request, and the wait says why", async (_when, setup) => {
    const { deps, world } = setUp(setup);
    const { "m-0": outcome } = await world.run(vmDelete, ["m-0"]);
    expect(outcome).toMatchObject({
      kind: "waitFor",
      reason: expect.stringMatching(/^(MovedAway|Paused|ExternallyManaged|\w+Missing): /) as string,
    });
    expect(deps.requests).toEqual([]);
    expect((await world.evaluate(ipRelease, "m-0")).need).toBe(false);
  });

  test.each<[string, (deps: FakeDeps) => void]>([
    [
      "moves away",
      (deps) =>
        deps.management.put(harvesterMachine("m-0", { metadata: deleting("m-0", { annotations: move }) })),
    ],
    ["was paused", (deps) => deps.management.put(cluster({ spec: { paused: true } }))],
    ["has lost its Cluster", (deps) => deps.management.drop(clusters, { namespace: "demo", name: "demo" })],
  ])("when only the quorum read tells that the machine %s", async (_what, change) => {
    const { deps, world } = setUp();
    const read = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      change(deps);
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(names(deps)).toEqual([]);
    expect(own(deps)).toBeDefined();
  });

  test("while Harvester cannot be seen: unknown is not absent [check 92] [check 93]", async () => {
    const { world } = setUp({ harvester: [], options: { down: ["harvester"] } });
    expect(await world.evaluate(vmDelete, "m-0")).toMatchObject({ need: false, blockedOn: [] });
  });
});

describe("giving up what is on Harvester", () => {
  const abandoned = (reason: string) => ({
    annotations: { "capfn.dev/identity": "uid-HarvesterMachine-m-0", "capfn.dev/abandon-external": reason },
  });

  test("lets the machine go without a request to Harvester, and a Warning names what may be left [check 92] [check 93]", async () => {
    const { deps, world } = setUp({
      metadata: abandoned("rack 3 burnt down"),
      options: { down: ["harvester"] },
    });
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(true);
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(own(deps)).toBeUndefined();
    expect(names(deps)).toEqual([]);
    expect(deps.announced).toMatchObject([
      {
        event: {
          type: "Warning",
          reason: "ExternalObjectsAbandoned",
          message:
            "given up without a look at Harvester (rack 3 burnt down); may be left there: VM m-0, its disks m-0-disk-* and Secret m-0-cloud-init in namespace vms",
        },
      },
    ]);
  });

  test("works without Cluster and HarvesterCluster, and names the address the status knows [check 92]", async () => {
    const { deps, world } = setUp({ metadata: abandoned("gone"), management: [] });
    deps.management.put(
      harvesterMachine("m-0", {
        metadata: deleting("m-0", abandoned("gone")),
        status: { allocatedIPAddress: "10.50.0.10", allocatedPoolRef: "a" },
      }),
    );
    expect(await world.run(vmDelete, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
    expect(deps.announced[0]?.event.message).toContain("address 10.50.0.10 in IPPool a");
    expect(own(deps)).toBeUndefined();
  });

  test("needs a reason", async () => {
    const { world } = setUp({ metadata: abandoned(" "), options: { down: ["harvester"] } });
    expect((await world.evaluate(vmDelete, "m-0")).need).toBe(false);
  });

  test("does not override a pause", async () => {
    const { deps, world } = setUp({
      metadata: abandoned("gone"),
      management: [cluster({ spec: { paused: true } }), harvesterCluster(), machine("m-0")],
    });
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(own(deps)).toBeDefined();
  });

  test("is not done when the annotation was taken back meanwhile", async () => {
    const { deps, world } = setUp({ metadata: abandoned("gone") });
    const read = deps.management.get.bind(deps.management);
    deps.management.get = (type, name) => {
      deps.management.put(harvesterMachine("m-0", { metadata: deleting("m-0") }));
      return read(type, name);
    };
    expect(await world.run(vmDelete, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    expect(own(deps)).toBeDefined();
  });
});
