import { describe, expect, it } from "vitest";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { createVm } from "#functions/harvester/vm-create/handler.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { clusterNetwork, createView, holdingPool, leap, type World } from "./create-view.ts";

const inTarget = (name: string) => ({ namespace: "target", name });

describe("vm-create is needed", () => {
  const evaluate = (world: World) => {
    const { object, related } = createView(world);
    const lookup = {
      get: (view: { type: { plural: string } }) =>
        [
          object,
          related.machine,
          related.cluster,
          related.harvesterCluster,
          related.vm,
          undefined,
          related.keyPair,
          related.bootstrap,
        ][
          [
            "harvestermachines",
            "machines",
            "clusters",
            "harvesterclusters",
            "virtualmachines",
            "virtualmachineinstances",
            "keypairs",
            "secrets",
          ].indexOf(view.type.plural)
        ],
      find: (view: { type: { plural: string } }) =>
        view.type.plural === "ippools" ? related.heldIn : related.images,
      listed: () => true,
    };
    return vmCreate.evaluate(object.meta, lookup as never);
  };
  const created = (status: "True" | "False", reason: string) => ({
    conditions: [
      {
        type: "MachineCreated",
        status,
        reason,
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  });
  const foreign = { metadata: { ...inTarget("m-0"), labels: { "capfn.dev/owner-uid": "other" } }, spec: {} };

  it.each<[string, World, boolean]>([
    ["all is there", {}, true],
    ["the cluster's infrastructure is not provisioned", { cluster: { status: {} } }, false],
    [
      "the Cluster is paused",
      {
        cluster: {
          spec: { paused: true, infrastructureRef: { kind: "HarvesterCluster", name: "demo" } },
          status: { initialization: { infrastructureProvisioned: true } },
        },
      },
      false,
    ],
    ["there is no bootstrap data", { machineSpec: { bootstrap: {} } }, false],
    ["no pool holds an address yet", { clusterSpec: clusterNetwork }, false],
    ["a pool holds the address", { clusterSpec: clusterNetwork, pools: [holdingPool] }, true],
    ["it is being deleted", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }, false],
    [
      "the VM is there",
      {
        vm: { metadata: { ...inTarget("m-0"), labels: { "capfn.dev/owner-uid": "machine-uid" } }, spec: {} },
      },
      false,
    ],
    ["the VM was created once and is lost (W6)", { status: created("True", "MachineCreated") }, false],
    ["the VM is known to be lost (W6)", { status: created("False", "MachineNotFound") }, false],
    ["somebody else's VM has its name", { vm: foreign }, true],
    [
      "somebody else's VM has its name, so that it gets no address",
      { clusterSpec: clusterNetwork, vm: foreign },
      true,
    ],
    ["the machine has a providerID", { spec: { providerID: "harvester://gone" } }, false],
  ])("when %s: %o [check 51]", (_, world, expected) => {
    expect(evaluate(world)?.need).toBe(expected);
  });

  it("tells of somebody else's VM also when the machine waits for an address it will not get", async () => {
    const view = createView({ clusterSpec: clusterNetwork, vm: foreign });
    expect(await createVm(view, fakeDeps())).toMatchObject({ kind: "failed", reason: "VMNameTaken" });
  });

  it.each<[string, World]>([
    ["the bootstrap data Secret has a new version", { bootstrap: "2" }],
    ["the bootstrap data Secret is gone", { bootstrap: null }],
    ["the key pair changes", { keyPair: { metadata: { name: "key" }, spec: { publicKey: "other" } } }],
    ["the image changes", { images: [{ ...leap, status: { progress: 50 } }] }],
    ["the spec changes", { spec: { cpu: 8 } }],
    ["a person asks for a look", { metadata: { annotations: { "capfn.dev/look-at": "now" } } }],
  ])("looks again after a refusal when %s", (_, world) => {
    expect(evaluate(world)?.inputs).not.toEqual(evaluate({})?.inputs);
  });
});
