import { describe, expect, it } from "vitest";

import { nodeInit as step } from "#functions/cluster-api/node-init/function.ts";
import { UNINITIALIZED_TAINT } from "#functions/cluster-api/node-init/node-patch.ts";
import { clusters } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import {
  HARVESTER,
  NAME,
  PROVIDER_ID,
  START,
  World,
  WORKLOAD,
  harvesterMachines,
  node,
  nodes,
} from "#test/unit/functions/machine-observe/world.ts";

const uninitialized = { key: UNINITIALIZED_TAINT, value: "true", effect: "NoSchedule" };
const other = { key: "dedicated", effect: "NoSchedule" };

function created(): World {
  const world = new World();
  world.edit(harvesterMachines, (own) => {
    own["spec"].providerID = PROVIDER_ID;
    own["status"] = { addresses: [{ type: "InternalIP", address: "10.50.0.10" }] };
  });
  return world;
}

describe("node-init", () => {
  it("initialises the Node with one patch; other taints stay [check 77]", async () => {
    const world = created();
    world.put(
      node(NAME, { spec: { taints: [other, uninitialized, { ...uninitialized, effect: "NoExecute" }] } }),
    );
    expect(await world.settle(step)).toBe(1);
    expect(world.deps.summary()).toEqual([`workload jsonPatch nodes ${NAME}`]);
    expect(world.peek(nodes)["spec"]).toEqual({ providerID: PROVIDER_ID, taints: [other] });
    expect(world.deps.counted).toEqual(["caphv_node_init_total"]);
    expect(world.deps.announced.map(({ event }) => event.reason)).toEqual(["NodeInitialized"]);
    expect(world.need(step)).toBe(false);
  });

  it("initialises a Node that registered before the machine had an address, once there is a providerID [check 78]", async () => {
    const world = new World();
    world.put(node(NAME, { spec: { taints: [uninitialized] } }));
    expect(world.need(step)).toBe(false);
    world.edit(harvesterMachines, (own) => (own["spec"].providerID = PROVIDER_ID));
    expect(await world.settle(step)).toBe(1);
  });

  it.each([
    ["host name", { hostname: NAME }],
    ["address", { address: "10.50.0.10" }],
  ])("finds a Node with another name by its %s", async (_by, how) => {
    const world = created();
    world.put(node("ip-10-50-0-10", how));
    expect(await world.settle(step)).toBe(1);
    expect(world.peek(nodes, "ip-10-50-0-10")["spec"]).toEqual({ providerID: PROVIDER_ID });
  });

  it("finds the Node by the providerID it carries, whatever its name", async () => {
    const world = created();
    world.put(node("x", { spec: { providerID: PROVIDER_ID, taints: [uninitialized] } }));
    world.put(node(NAME));
    expect(await world.settle(step)).toBe(1);
    expect(world.peek(nodes, "x")["spec"]).toEqual({ providerID: PROVIDER_ID, taints: [] });
    expect(world.peek(nodes)["spec"]).toEqual({});
  });

  it("leaves another providerID alone, and removes the taint of the machine's namesake only [check 77]", async () => {
    const world = created();
    const spec = { providerID: "other://1", taints: [uninitialized] };
    world.put(node("previous-owner-of-the-address", { address: "10.50.0.10", spec }));
    expect(world.need(step)).toBe(false);
    world.put(node(NAME, { spec }));
    await world.settle(step);
    expect(world.peek(nodes)["spec"]).toEqual({ providerID: "other://1", taints: [] });
    expect(world.peek(nodes, "previous-owner-of-the-address")["spec"]).toEqual(spec);
  });

  it("guesses nothing when two Nodes fit: it fails, names them, and writes nothing", async () => {
    const world = created();
    world.put(node(NAME, { spec: { taints: [uninitialized] } }));
    world.put(node("impostor", { address: "10.50.0.10" }));
    expect(world.need(step)).toBe(true);
    const { inputs } = world.evaluate(step);
    const outcome = await world.run(step);
    expect(outcome).toMatchObject({ kind: "failed", reason: "NodeAmbiguous" });
    expect(JSON.stringify(outcome)).toContain(`${NAME}, impostor`);
    expect(world.deps.requests).toEqual([]);
    world.edit(nodes, (object) => (object["metadata"].annotations = { heartbeat: "1" }));
    expect(world.evaluate(step).inputs).toEqual(inputs);
  });

  it("takes its failure back once there is one Node", async () => {
    const world = created();
    world.put(node(NAME));
    const failure = {
      type: "NodeInitialized",
      status: "False",
      reason: "NodeAmbiguous",
      message: "two",
      lastTransitionTime: START.toISOString(),
    };
    world.edit(harvesterMachines, (own) => (own["status"].conditions = [failure]));
    expect(await world.settle(step)).toBe(2);
    expect(world.condition("NodeInitialized")).toMatchObject({ status: "True", reason: "NodeInitialized" });
  });

  it("looks afresh once when the taints have moved since the snapshot", async () => {
    const world = created();
    world.put(node(NAME, { spec: { taints: [uninitialized, other] } }));
    world.deps.workloadApi.beforeNextWrite(() =>
      world.put(node(NAME, { spec: { providerID: PROVIDER_ID, taints: [other, uninitialized] } })),
    );
    await world.run(step);
    expect(world.deps.summary().map((line) => line.split(" ")[1])).toEqual(["jsonPatch", "get", "jsonPatch"]);
    expect(world.peek(nodes)["spec"]).toEqual({ providerID: PROVIDER_ID, taints: [other] });
  });

  it("does not touch a Node of the same name that was registered anew meanwhile", async () => {
    const world = created();
    world.put(node(NAME));
    const successor = { ...node(NAME), metadata: { ...node(NAME)["metadata"], uid: "successor" } };
    world.deps.workloadApi.beforeNextWrite(() => world.put(successor));
    expect(await world.run(step)).toEqual({ kind: "done" });
    expect(world.peek(nodes)["spec"]).toEqual({});
    expect(await world.settle(step)).toBe(1);
  });

  it("takes a Node that is gone for done, and throws what is transient, counted", async () => {
    const world = created();
    world.put(node(NAME));
    world.deps.workloadApi.failOn({ verb: "jsonPatch" }, kubeError("notFound"));
    expect(await world.run(step)).toEqual({ kind: "done" });
    world.deps.workloadApi.failOn({ verb: "jsonPatch" }, kubeError("unavailable"));
    await expect(world.run(step)).rejects.toMatchObject({ reason: "unavailable" });
    expect(world.deps.counted).toEqual(["caphv_node_init_errors_total"]);
  });

  it("sees a taint that came back as new work", async () => {
    const world = created();
    const tainted = node(NAME, { spec: { providerID: PROVIDER_ID, taints: [uninitialized] } });
    world.put(tainted);
    const { inputs } = world.evaluate(step);
    await world.settle(step);
    world.put(tainted);
    expect(world.need(step)).toBe(true);
    expect(world.evaluate(step).inputs).not.toEqual(inputs);
  });

  it("waits for nothing of Harvester, and holds up nothing else of the machine [check 79]", () => {
    const world = created();
    world.put(node(NAME));
    world.unlisted.add(HARVESTER);
    world.connection = { state: "failed" };
    const evaluation = world.evaluate(step);
    expect(evaluation.need).toBe(true);
    expect(evaluation.key).not.toBe(`harvestermachines/own-uid`);
    expect(step.uses).toEqual(["workload"]);
    world.unlisted.add(WORKLOAD);
    expect(world.evaluate(step)).toMatchObject({ need: false, blockedOn: ["nodes"] });
  });

  it("does nothing while paused, and looks at no Node of a machine that is being deleted", () => {
    const world = created();
    world.put(node(NAME));
    world.edit(clusters, (object) => (object["spec"].paused = true), "demo");
    expect(world.need(step)).toBe(false);
    world.edit(clusters, (object) => (object["spec"].paused = false), "demo");
    world.edit(harvesterMachines, (own) => (own["metadata"].deletionTimestamp = START.toISOString()));
    expect(world.evaluate(step).edges.some(({ view }) => view.type === nodes)).toBe(false);
  });
});
