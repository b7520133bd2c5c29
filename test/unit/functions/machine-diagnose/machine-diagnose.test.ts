import { describe, expect, test } from "vitest";
import { machineDiagnose } from "#functions/harvester/machine-diagnose/function.ts";
import { machineObserve } from "#functions/harvester/machine-observe/function.ts";
import { readDiagnosis } from "#platform/cluster-api/diagnosis.ts";
import { harvesterMachines, machines, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  harvesterCluster,
  harvesterMachine,
  machine,
  place,
  virtualMachine,
  virtualMachineInstance,
} from "#test/support/cluster-objects.ts";
import { fakeDeps, type FakeDeps, type FakeDepsOptions } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

const made = "2026-01-01T00:00:00Z";
const minutes = (n: number) => new Date(Date.parse(made) + n * 60_000);
const own = { namespace: place.namespace, name: "m-0" };
const disk = "m-0-disk-0";
const claims = JSON.stringify([
  { metadata: { name: disk, annotations: { "harvesterhci.io/imageId": "default/leap" } } },
]);

function vm(over: Json = {}): object {
  return virtualMachine("m-0", {
    metadata: {
      creationTimestamp: made,
      labels: { "capfn.dev/owner-uid": "uid-HarvesterMachine-m-0", "capfn.dev/owner-name": "m-0" },
      annotations: { "harvesterhci.io/volumeClaimTemplates": claims },
    },
    status: { printableStatus: "ErrorUnschedulable" },
    ...over,
  });
}

function setUp(over: Partial<FakeDepsOptions> = {}, minute = 11): FakeDeps {
  return fakeDeps({
    now: minutes(minute),
    management: [
      cluster(),
      harvesterCluster(),
      machine("m-0"),
      harvesterMachine("m-0"),
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: "demo", name: "m-0-bootstrap" },
        data: { value: Buffer.from("password: swordfish99\n").toString("base64") },
      },
    ],
    harvester: [
      vm(),
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: disk, namespace: place.target },
        status: { phase: "Bound" },
      },
      {
        apiVersion: "harvesterhci.io/v1beta1",
        kind: "VirtualMachineImage",
        metadata: { name: "leap", namespace: "default" },
        status: { progress: 100 },
      },
      warning("e-1", "0/3 nodes are available, said swordfish99", "2026-01-01T00:05:00Z"),
      warning("e-2", "an older one", "2026-01-01T00:01:00Z"),
    ],
    ...over,
  });
}

function warning(name: string, message: string, lastTimestamp: string): object {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: place.target },
    type: "Warning",
    reason: "FailedScheduling",
    message,
    lastTimestamp,
    involvedObject: { kind: "VirtualMachineInstance", name: "m-0" },
  };
}

const need = async (deps: FakeDeps) =>
  (await stepWorld(deps, place.namespace).evaluate(machineDiagnose, "m-0")).need;
const run = async (deps: FakeDeps) => stepWorld(deps, place.namespace).run(machineDiagnose, ["m-0"]);
const stored = (deps: FakeDeps) =>
  readDiagnosis(deps.management.peek(harvesterMachines, own)?.metadata.annotations?.["capfn.dev/diagnosis"]);

function edit(
  deps: FakeDeps,
  type: typeof machines,
  change: (object: Json & { metadata: Json }) => void,
): void {
  const object = structuredClone(deps.management.peek(type, own)!);
  change(object);
  deps.management.put(object);
}

describe("a machine whose Node does not join", () => {
  test("is looked into ten minutes after its VM was made, and not before", async () => {
    const deps = setUp({}, 5);
    expect(await need(deps)).toEqual(minutes(10));
    expect(await run(deps)).toMatchObject({ "m-0": { kind: "requeueAfter", afterMs: 300_000 } });
    expect(deps.requests).toEqual([]);
  });

  test("is told on the object and by an Event, with nothing of its bootstrap data", async () => {
    const deps = setUp();
    expect(await run(deps)).toEqual({ "m-0": { kind: "done" } });
    expect(stored(deps)).toEqual({
      vm: "uid-VirtualMachine-m-0",
      stage: "address",
      at: minutes(11).toISOString(),
      reason: "Unschedulable",
      message: "no host takes the VM; event FailedScheduling: 0/3 nodes are available, said [redacted]",
    });
    expect(deps.announced.map(({ event }) => event)).toMatchObject([
      { type: "Warning", reason: "MachineStuck" },
    ]);
    expect(JSON.stringify(deps.announced)).not.toContain("swordfish99");
    expect(deps.counted).toEqual(["capfn_machine_diagnoses_total"]);
  });

  test("costs one write, and few reads", async () => {
    const deps = setUp();
    await run(deps);
    expect(deps.summary().toSorted()).toEqual(
      [
        "harvester get persistentvolumeclaims vms/m-0-disk-0",
        "harvester get virtualmachineimages default/leap",
        "harvester get virtualmachineinstances vms/m-0",
        "harvester get virtualmachines vms/m-0",
        "harvester list events vms",
        "management get secrets demo/m-0-bootstrap",
        "management mergePatch harvestermachines demo/m-0",
      ].toSorted(),
    );
  });

  test("is looked into once; again for another VM, and when somebody asks", async () => {
    const deps = setUp();
    await run(deps);
    expect(await need(deps)).toBe(false);
    deps.requests.length = 0;
    await run(deps);
    expect(deps.requests).toEqual([]);
    edit(deps, harvesterMachines, ({ metadata }) => {
      metadata["annotations"] = { ...(metadata["annotations"] as Json), "capfn.dev/look-at": "1" };
    });
    expect(await need(deps)).toBeInstanceOf(Date);
    await run(deps);
    expect(await need(deps)).toBe(false);
    const another = structuredClone(
      deps.harvesterApi.peek(virtualMachines, { namespace: place.target, name: "m-0" })!,
    );
    another.metadata.uid = "another";
    deps.harvesterApi.put(another);
    expect(await need(deps)).toBeInstanceOf(Date);
  });

  test("is looked into once more when it has its address and still no Node, ten minutes after it got it", async () => {
    const deps = setUp();
    await run(deps);
    edit(deps, harvesterMachines, (object) => {
      const condition = {
        type: "VMProvisioningReady",
        status: "True",
        reason: "VMProvisioningReady",
        message: "",
      };
      object["status"] = {
        initialization: { provisioned: true },
        conditions: [{ ...condition, lastTransitionTime: minutes(12).toISOString() }],
      };
    });
    expect(await need(deps)).toEqual(minutes(22));
  });

  test("is looked into anew when its diagnosis was edited to nonsense", async () => {
    const deps = setUp();
    edit(deps, harvesterMachines, ({ metadata }) => {
      metadata["annotations"] = {
        "capfn.dev/diagnosis": '{"vm":"uid-VirtualMachine-m-0","reason":"constructor"}',
      };
    });
    await run(deps);
    expect(stored(deps)?.reason).toBe("Unschedulable");
  });

  test("waits while Harvester does not answer, and nothing is written", async () => {
    const deps = setUp({ harvesterError: new Error("no connection") });
    await expect(run(deps)).rejects.toThrow("no connection");
    expect(stored(deps)).toBeUndefined();
  });

  test("shows the diagnosis as a condition, and takes it back when the Node has joined", async () => {
    const deps = setUp();
    deps.harvesterApi.put(virtualMachineInstance("m-0"));
    await run(deps);
    const world = stepWorld(deps, place.namespace, {
      hub: { [place.connection]: { state: "connected", server: "https://harvester.example.com" } },
    });
    const condition = () => {
      const status = deps.management.peek(harvesterMachines, own)?.["status"] as {
        conditions: { type: string }[];
      };
      return status.conditions.find(({ type }) => type === "Diagnosed");
    };
    await world.settle([machineObserve], ["m-0"]);
    expect(condition()).toMatchObject({ status: "True", reason: "Unschedulable" });
    edit(deps, machines, (object) => void (object["status"] = { nodeRef: { name: "m-0" } }));
    await world.settle([machineObserve], ["m-0"]);
    expect(condition()).toMatchObject({ status: "False", reason: "NotStuck" });
    expect(await need(deps)).toBe(false);
  });
});

describe("nothing is looked into", () => {
  test.each<[string, (deps: FakeDeps) => void]>([
    [
      "when the Node has joined",
      (deps) => edit(deps, machines, (object) => void (object["status"] = { nodeRef: { name: "m-0" } })),
    ],
    ["while the Cluster is paused", (deps) => deps.management.put(cluster({ spec: { paused: true } }))],
    [
      "when another system manages the machine",
      (deps) =>
        edit(
          deps,
          harvesterMachines,
          ({ metadata }) => void (metadata["annotations"] = { "cluster.x-k8s.io/managed-by": "x" }),
        ),
    ],
    [
      "when the machine goes",
      (deps) => edit(deps, harvesterMachines, ({ metadata }) => void (metadata["deletionTimestamp"] = made)),
    ],
    [
      "when the Machine goes",
      (deps) => edit(deps, machines, ({ metadata }) => void (metadata["deletionTimestamp"] = made)),
    ],
    [
      "when there is no VM",
      (deps) => deps.harvesterApi.drop(virtualMachines, { namespace: place.target, name: "m-0" }),
    ],
    [
      "when the VM is somebody else's",
      (deps) =>
        deps.harvesterApi.put(
          vm({ metadata: { creationTimestamp: made, labels: { "capfn.dev/owner-uid": "x" } } }),
        ),
    ],
    [
      "when a person has halted the VM",
      (deps) => deps.harvesterApi.put(vm({ spec: { runStrategy: "Halted" } })),
    ],
  ])("%s", async (_, change) => {
    const deps = setUp();
    change(deps);
    deps.requests.length = 0;
    expect(await need(deps)).toBe(false);
    await run(deps);
    expect(deps.requests).toEqual([]);
  });
});
