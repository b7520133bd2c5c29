import { describe, expect, it } from "vitest";
import { projectionOf } from "#events/hub/projection.ts";
import { vmCreate } from "#functions/harvester/vm-create/function.ts";
import { secretView } from "#platform/cluster-api/secret.ts";
import { MANAGEMENT } from "#platform/kube/view.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";
import { cluster, harvesterCluster, harvesterMachine, machine } from "#test/support/cluster-objects.ts";
import { harvesterItself } from "#test/unit/functions/go-provider-objects.ts";

const secret = (data: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace: "demo", name: "m-0-bootstrap" },
  data,
});

function setUp(...more: readonly object[]) {
  const deps = fakeDeps({
    management: [cluster(), harvesterCluster(), machine("m-0"), harvesterMachine("m-0"), ...more],
    harvester: harvesterItself(),
  });
  return { deps, world: stepWorld(deps, "demo") };
}

describe("the bootstrap data Secret", () => {
  it("is awaited by its delta: its appearance is among what wakes the step [check 58]", async () => {
    const { deps, world } = setUp();
    const { edges, need } = await world.evaluate(vmCreate, "m-0");
    expect(need).toBe(true);
    expect(edges).toContainEqual({
      kind: "object",
      view: secretView,
      ref: { connection: "management", namespace: "demo", name: "m-0-bootstrap" },
      wake: "change",
      optional: false,
    });
    expect(await world.run(vmCreate, ["m-0"])).toMatchObject({ "m-0": { kind: "waitFor" } });
    deps.management.put(secret({ value: Buffer.from("#cloud-config\n").toString("base64") }));
    expect(await world.run(vmCreate, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
  });

  it("is looked at again when it was malformed and has been mended [check 61]", async () => {
    const { deps, world } = setUp(secret({ value: Buffer.from("no user data").toString("base64") }));
    expect(await world.run(vmCreate, ["m-0"])).toMatchObject({ "m-0": { kind: "failed" } });
    const { inputs } = await world.evaluate(vmCreate, "m-0");
    deps.management.put(secret({ value: Buffer.from("#cloud-config\n").toString("base64") }));
    expect((await world.evaluate(vmCreate, "m-0")).inputs).not.toEqual(inputs);
    expect(await world.run(vmCreate, ["m-0"])).toEqual({ "m-0": { kind: "done" } });
  });

  it("is not judged absent before Secrets have been listed", async () => {
    const { deps } = setUp();
    const world = stepWorld(deps, "demo", { unlisted: ["secrets"] });
    expect(await world.evaluate(vmCreate, "m-0")).toMatchObject({ need: false, blockedOn: ["bootstrap"] });
  });

  it("is news to the index with every version, while its content is not held", () => {
    const at = (resourceVersion: string) =>
      projectionOf(secretView, MANAGEMENT, {
        ...secret({ value: "c2VjcmV0" }),
        metadata: { namespace: "demo", name: "m-0-bootstrap", uid: "u", resourceVersion },
      });
    expect(at("1").digest).not.toBe(at("2").digest);
    expect(JSON.stringify(at("1"))).not.toContain("c2VjcmV0");
  });
});
