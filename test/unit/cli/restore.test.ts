import { describe, expect, test } from "vitest";
import { anew, PAUSED_BY_RESTORE } from "#cli/restore/anew.ts";
import { inOrder } from "#cli/restore/order.ts";
import type { StoredObject } from "#cli/restore/stored-object.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { clusters, harvesterMachines, machines, secrets } from "#platform/kube/resources.ts";
import { goMachine } from "#test/unit/functions/go-provider-objects.ts";

interface Given {
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

function stored(type: ResourceType, name: string, { metadata, ...rest }: Given = {}): StoredObject {
  const meta = { name, namespace: "demo", uid: `${name}-uid`, resourceVersion: "1", ...metadata };
  return { type, object: { apiVersion: "any/v1", kind: type.kind, metadata: meta, ...rest } };
}

const ownedBy = (name: string) => ({
  ownerReferences: [{ apiVersion: "any/v1", kind: "Any", name, uid: `${name}-uid` }],
});

const machineOf = (over: Parameters<typeof goMachine>[0]): StoredObject => {
  const { metadata, ...rest } = goMachine(over) as { metadata: object };
  return stored(harvesterMachines, "m-0", { metadata: { ...metadata, uid: "old-uid" }, ...rest });
};

describe("objects of a backup", () => {
  test("come after their owners, whatever their kinds and names", () => {
    const order = inOrder([
      stored(secrets, "a", { metadata: ownedBy("c") }),
      stored(machines, "b", { metadata: ownedBy("z") }),
      stored(clusters, "c"),
      stored(machines, "z", { metadata: ownedBy("c") }),
    ]);
    expect(order.map(({ object }) => object.metadata.name)).toEqual(["c", "a", "z", "b"]);
  });

  test("come all, also when they own each other in a circle", () => {
    const order = inOrder([
      stored(machines, "a", { metadata: ownedBy("b") }),
      stored(machines, "b", { metadata: ownedBy("a") }),
    ]);
    expect(order).toHaveLength(2);
  });

  test("are owned by the new uids of their owners, and by nobody who is not there", () => {
    const object = stored(machines, "m", {
      metadata: {
        resourceVersion: "7",
        creationTimestamp: "2026-11-21T10:00:00Z",
        deletionTimestamp: "2026-11-21T10:00:00Z",
        ownerReferences: [
          { apiVersion: "any/v1", kind: "Any", name: "here", uid: "old" },
          { apiVersion: "any/v1", kind: "Any", name: "nowhere", uid: "lost" },
        ],
      },
      status: { phase: "Running" },
    });
    expect(anew(object, new Map([["old", "new"]]))).toEqual({
      apiVersion: "any/v1",
      kind: "Machine",
      metadata: {
        name: "m",
        namespace: "demo",
        ownerReferences: [{ apiVersion: "any/v1", kind: "Any", name: "here", uid: "new" }],
        // It was being deleted: a MachineSet is to take this one first.
        annotations: { "cluster.x-k8s.io/delete-machine": "true" },
      },
    });
  });

  test("are paused, and marked only when they were not before", () => {
    const running = anew(stored(clusters, "c", { spec: { a: 1 } }), new Map());
    expect(running["spec"]).toEqual({ a: 1, paused: true });
    expect(running.metadata["annotations"]).toEqual({ [PAUSED_BY_RESTORE]: "true" });
    const paused = anew(stored(clusters, "c", { spec: { paused: true } }), new Map());
    expect(paused["spec"]).toEqual({ paused: true });
    expect(paused.metadata["annotations"]).toEqual({});
  });

  test.each([
    [
      "without a VM keeps its first uid, which a VM made since would carry",
      { spec: {}, status: {} },
      "old-uid",
    ],
    ["whose VM the Go provider made gets none", {}, undefined],
    ["that has one keeps that", { metadata: { annotations: { [IDENTITY_ANNOTATION]: "first" } } }, "first"],
  ])("a machine %s [check 85]", (_, over, identity) => {
    const spec = "spec" in over ? { spec: { providerID: undefined } } : {};
    const object = anew(machineOf({ ...over, ...spec }), new Map());
    expect(object.metadata["annotations"]).toEqual(
      expect.objectContaining(identity === undefined ? {} : { [IDENTITY_ANNOTATION]: identity }),
    );
    if (identity === undefined)
      expect(object.metadata["annotations"]).not.toHaveProperty([IDENTITY_ANNOTATION]);
  });
});
