import { describe, expect, it } from "vitest";
import { isOurs, labelValue, ownerSelector } from "#functions/harvester/ownership.ts";
import { createView } from "./create-view.ts";

const vm = (labels: Record<string, string> = {}) => ({ meta: { uid: "vm-uid" }, metadata: { labels } });

const created = {
  conditions: [{ type: "MachineCreated", status: "True", reason: "x", message: "", lastTransitionTime: "" }],
};

describe("isOurs", () => {
  it.each([
    ["carries the identity", { "capfn.dev/owner-uid": "machine-uid" }, {}, true],
    [
      "carries another identity, even if the providerID fits",
      { "capfn.dev/owner-uid": "other" },
      { spec: { providerID: "harvester://vm-uid" } },
      false,
    ],
    ["is unlabelled and named by the providerID", {}, { spec: { providerID: "harvester://vm-uid" } }, true],
    [
      "is unlabelled and the providerID names another",
      {},
      { spec: { providerID: "harvester://other" } },
      false,
    ],
    ["is unlabelled and nothing speaks for it", {}, {}, false],
    ["is unlabelled, without providerID, but the status says it was created", {}, { status: created }, true],
    [
      "is unlabelled, of a machine whose Node brought the providerID of another cloud provider [check 105]",
      {},
      { spec: { providerID: "rke2://m-0" }, status: created },
      true,
    ],
  ])("a VM that %s", (_, labels, world, expected) => {
    expect(isOurs(vm(labels), createView(world).object)).toBe(expected);
  });

  it("knows a VM again after the machine was moved or restored", () => {
    const moved = createView({
      metadata: { uid: "new", annotations: { "capfn.dev/identity": "machine-uid" } },
    });
    expect(isOurs(vm({ "capfn.dev/owner-uid": "machine-uid" }), moved.object)).toBe(true);
  });
});

describe("labels", () => {
  it("hold names of any length, long ones cut and told apart", () => {
    const long = "a".repeat(80);
    expect(labelValue("a".repeat(63))).toBe("a".repeat(63));
    expect(labelValue(long)).toMatch(/^a{52}\.[0-9a-f]{10}$/);
    expect(labelValue(`${long}b`)).not.toBe(labelValue(`${long}c`));
    expect(Object.keys(ownerSelector(createView().object))).toEqual([
      "capfn.dev/owner-uid",
      "capfn.dev/owner-name",
    ]);
  });
});
