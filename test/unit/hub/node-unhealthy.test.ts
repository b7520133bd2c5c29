import { describe, expect, it } from "vitest";
import { causeOfChange } from "#events/hub/causes.ts";
import { projectionOf } from "#events/hub/projection.ts";
import { nodeView } from "#platform/cluster-api/node.ts";

let version = 0;

/** A Node of a workload cluster as the index holds it. */
function node(ready: "True" | "False" | "Unknown", uid = "n-1") {
  version += 1;
  const object = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-1", uid, resourceVersion: String(version) },
    status: { conditions: [{ type: "Ready", status: ready }] },
  };
  return { ...projectionOf(nodeView, "workload/demo/shop", object), changedAt: String(version) };
}

type Shape = ReturnType<typeof node> | undefined;
const typeOf = (old: Shape, now: Shape) => causeOfChange("m", { view: nodeView, old, new: now }, 0).type;

describe("the event of a change of a Node", () => {
  it.each(["False", "Unknown"] as const)(
    "is that it is unhealthy when Ready goes from True to %s",
    (ready) => {
      expect(typeOf(node("True"), node(ready))).toBe("dev.capfn.node.unhealthy");
    },
  );

  it("is a plain change while it stays unwell or gets well, so that one illness is one event", () => {
    expect(typeOf(node("False"), node("Unknown"))).toBe("dev.capfn.node.changed");
    expect(typeOf(node("Unknown"), node("True"))).toBe("dev.capfn.node.changed");
    expect(typeOf(node("True"), node("True"))).toBe("dev.capfn.node.changed");
  });

  it("is its registration, Ready or not, when it is new or a namesake", () => {
    expect(typeOf(undefined, node("False"))).toBe("dev.capfn.node.registered");
    expect(typeOf(node("True"), node("False", "n-2"))).toBe("dev.capfn.node.registered");
    expect(typeOf(node("True"), undefined)).toBe("dev.capfn.node.deleted");
  });
});
