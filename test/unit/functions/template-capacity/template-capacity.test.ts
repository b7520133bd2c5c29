import { describe, expect, test } from "vitest";
import { templateCapacity } from "#functions/harvester/template-capacity/function.ts";
import { harvesterMachineTemplates } from "#platform/kube/resources.ts";
import { cluster, harvesterMachineTemplate, machineSpec, place } from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

interface Over {
  readonly spec?: Json;
  readonly labels?: Json;
  readonly metadata?: Json;
  readonly status?: Json;
  readonly paused?: boolean;
}

function setUp({ spec = {}, labels, metadata = {}, status, paused = false }: Over = {}) {
  const deps = fakeDeps({
    management: [
      cluster({ spec: { paused } }),
      harvesterMachineTemplate("workers", {
        metadata,
        template: { ...(labels && { metadata: { labels } }), spec: { ...machineSpec, ...spec } },
        ...(status && { status }),
      }),
    ],
  });
  const world = stepWorld(deps, place.namespace);
  const at = { namespace: place.namespace, name: "workers" };
  return { deps, world, status: () => deps.management.peek(harvesterMachineTemplates, at)!["status"] };
}

const capacity = { cpu: "2", memory: "4Gi" };
const nodeInfo = { architecture: "amd64", operatingSystem: "linux" };

describe("a template of machines", () => {
  test("tells an autoscaler how large its machines are, with one write, and is then at rest", async () => {
    const { deps, world, status } = setUp();
    await world.settle([templateCapacity], ["workers"]);
    expect(status()).toEqual({ capacity, nodeInfo });
    expect(deps.requests).toHaveLength(1);
    expect((await world.evaluate(templateCapacity, "workers")).need).toBe(false);
  });

  test("says the architecture its machines' label names, before that of its own label", async () => {
    for (const over of [
      { labels: { "kubernetes.io/arch": "arm64" } },
      { metadata: { labels: { "kubernetes.io/arch": "arm64" } } },
    ]) {
      const { world, status } = setUp(over);
      await world.settle([templateCapacity], ["workers"]);
      expect(status()).toMatchObject({ nodeInfo: { architecture: "arm64" } });
    }
    const unknown = setUp({ labels: { "kubernetes.io/arch": "z80" } });
    await unknown.world.settle([templateCapacity], ["workers"]);
    expect(unknown.status()).toMatchObject({ nodeInfo });
  });

  test("promises nothing for a placeholder that a ClusterClass patches", async () => {
    const { world, status } = setUp({ spec: { cpu: 0, memory: "TO-BE-PATCHED" } });
    await world.settle([templateCapacity], ["workers"]);
    expect(status()).toEqual({ capacity: {}, nodeInfo });
  });

  test("keeps what others say of it, such as GPUs", async () => {
    const { world, status } = setUp({ status: { capacity: { cpu: "1", "nvidia.com/gpu": "2" } } });
    await world.settle([templateCapacity], ["workers"]);
    expect(status()).toEqual({ capacity: { ...capacity, "nvidia.com/gpu": "2" }, nodeInfo });
  });

  test("is not written while it is deleted, or it or the Cluster that owns it is paused", async () => {
    const owner = { ownerReferences: [{ apiVersion: "v1", kind: "Cluster", name: "demo", uid: "c" }] };
    const asleep: Over[] = [
      { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["foregroundDeletion"] } },
      { metadata: { annotations: { "cluster.x-k8s.io/paused": "" } } },
      { metadata: owner, paused: true },
      { metadata: { labels: { "cluster.x-k8s.io/cluster-name": "demo" } }, paused: true },
    ];
    for (const over of asleep) {
      const { deps, world } = setUp(over);
      expect((await world.evaluate(templateCapacity, "workers")).need).toBe(false);
      await world.run(templateCapacity, ["workers"]);
      expect(deps.requests).toEqual([]);
    }
    const { world } = setUp({ metadata: owner });
    expect((await world.evaluate(templateCapacity, "workers")).need).toBe(true);
  });

  test("is looked at afresh when it changed meanwhile: the write carries the version seen", async () => {
    const { deps, world } = setUp();
    deps.failAt(0, kubeError("conflict"));
    await expect(world.run(templateCapacity, ["workers"])).rejects.toMatchObject({ reason: "conflict" });
    await world.settle([templateCapacity], ["workers"]);
    expect((await world.evaluate(templateCapacity, "workers")).need).toBe(false);
  });
});
