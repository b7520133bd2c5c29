import { describe, expect, it } from "vitest";
import { eventInject } from "#functions/cluster-api/event-inject/function.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { eventInjections, remediationRequests } from "#platform/kube/resources.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

type Json = Record<string, unknown>;

function injection(spec: Json = {}, fields: Json = {}) {
  return {
    apiVersion: "capfn.dev/v1alpha1",
    kind: "EventInjection",
    metadata: { namespace: "demo", name: "look", generation: 1 },
    spec: { type: "machine.changed", target: { kind: "Machine", name: "m-0" }, ...spec },
    ...fields,
  };
}

async function take(object: object) {
  const deps = fakeDeps({ management: [object] });
  const world = stepWorld(deps, "demo");
  const { need } = await world.evaluate(eventInject, "look");
  const { look: outcome } = await world.run(eventInject, ["look"]);
  const after = await world.evaluate(eventInject, "look");
  const { status } = deps.management.peek(eventInjections, { namespace: "demo", name: "look" }) as Json;
  return { deps, need, outcome, needAfter: after.need, status };
}

describe("an injection", () => {
  it("is an event about its target, and says when it was taken", async () => {
    const { need, outcome, status, needAfter } = await take(injection());
    expect(need).toBe(true);
    expect(outcome).toMatchObject({
      kind: "done",
      emit: [
        {
          type: "dev.capfn.machine.changed",
          target: {
            type: { plural: "machines" },
            ref: { connection: "management", namespace: "demo", name: "m-0" },
          },
        },
      ],
    });
    expect(status).toMatchObject({
      takenAt: expect.stringMatching(/^\d{4}-/),
      observedGeneration: 1,
      conditions: [{ type: "Taken", status: "True", reason: "EventTaken" }],
    });
    expect(needAfter).toBe(false);
  });

  it("may name an object of a Harvester of its own namespace, of a kind without namespaces", async () => {
    const target = { kind: "ippool", name: "a", connection: "harvester/demo/identity" };
    const { outcome } = await take(injection({ type: "dev.capfn.ippool.changed", target }));
    expect(outcome).toMatchObject({
      emit: [{ target: { ref: { connection: "harvester/demo/identity", namespace: undefined, name: "a" } } }],
    });
  });

  it.each([
    [{ type: "machine.exploded" }, "UnknownEventType", "spec.type"],
    [{ target: { kind: "Unicorn", name: "x" } }, "UnknownKind", "spec.target.kind"],
    [
      { target: { kind: "IPPool", name: "a", connection: "harvester/other/identity" } },
      "ForeignNamespace",
      "spec.target.connection",
    ],
    [
      { type: "node.unhealthy", target: { kind: "HarvesterMachine", name: "m-0" } },
      "UnknownKind",
      "spec.target",
    ],
    [
      { type: "node.unhealthy", target: { kind: "Node", name: "n-0" } },
      "UnknownKind",
      "spec.target.connection",
    ],
    [
      { type: "node.unhealthy", target: { kind: "Node", name: "n-0", connection: "workload/other/shop" } },
      "ForeignNamespace",
      "spec.target.connection",
    ],
    [{ type: "alert.firing", data: { name: "NodeDown" } }, "UnfitEventData", "spec.data.fingerprint"],
  ])("that asks for what cannot be, %o, happens never and says why", async (spec, reason, field) => {
    const { outcome, status, needAfter } = await take(injection(spec));
    expect(outcome).toEqual({ kind: "done", emit: [] });
    expect(status).toMatchObject({
      conditions: [{ type: "Taken", status: "False", reason, message: expect.stringContaining(field) }],
    });
    expect(status).not.toHaveProperty("takenAt");
    expect(needAfter).toBe(false);
  });

  it.each([
    [{ kind: "machine", name: "m-0" }, { machine: "m-0" }],
    [
      { kind: "Node", name: "n-0", connection: "workload/demo/shop" },
      { cluster: "shop", node: "n-0" },
    ],
  ])(
    "that says a node is unwell, %o, is a request that finds out whether it is, made once",
    async (target, meant) => {
      const deps = fakeDeps({ management: [injection({ type: "node.unhealthy", target })] });
      const world = stepWorld(deps, "demo");
      deps.management.failOn({ verb: "mergePatch" }, kubeError("conflict", "management"));
      await expect(world.run(eventInject, ["look"])).rejects.toThrow("conflict");
      const { look: outcome } = await world.run(eventInject, ["look"]);
      const requests: KubeObject[] = [];
      for await (const each of deps.management.list(remediationRequests, { namespace: "demo" }))
        requests.push(each);
      expect(requests).toMatchObject([
        { metadata: { namespace: "demo" }, spec: { source: "Injection", target: meant } },
      ]);
      expect(outcome).toMatchObject({
        emit: [{ type: "dev.capfn.node.unhealthy", target: { ref: { name: target.name } } }],
      });
      const taken = deps.management.peek(eventInjections, { namespace: "demo", name: "look" });
      expect(taken).toMatchObject({
        status: { conditions: [{ message: `see remediationrequest ${requests[0]?.metadata.name}` }] },
      });
    },
  );

  it("happens once, also when it is looked at again or was taken by another version", async () => {
    const conditions = [{ type: "Taken", status: "True", reason: "X", message: "", lastTransitionTime: "t" }];
    const world = stepWorld(fakeDeps({ management: [injection({}, { status: { conditions } })] }), "demo");
    expect((await world.evaluate(eventInject, "look")).need).toBe(false);
  });

  it("does not happen when its status cannot be written: it would happen again", async () => {
    const deps = fakeDeps({ management: [injection()] });
    deps.management.failOn({ verb: "mergePatch" }, kubeError("conflict", "management"));
    await expect(stepWorld(deps, "demo").run(eventInject, ["look"])).rejects.toThrow("conflict");
  });
});
