import { describe, expect, it } from "vitest";
import { allFunctions } from "#cli/functions.ts";
import { viewOf, wordFor } from "#cli/operator/object-question.ts";
import { clusterView, machineView } from "#platform/cluster-api/cluster.ts";
import { harvesterMachineView } from "#platform/cluster-api/harvester-machine.ts";

describe("the word for a kind", () => {
  it("tells a Machine of Cluster API from a HarvesterMachine", () => {
    expect(viewOf("machine")).toBe(harvesterMachineView);
    expect(viewOf("Machine.cluster.x-k8s.io")).toBe(machineView);
    expect(wordFor(machineView.type)).toBe("machine.cluster.x-k8s.io");
    expect(wordFor(clusterView.type)).toBe("cluster.cluster.x-k8s.io");
  });

  it("leads from every kind a function looks after back to that kind", () => {
    for (const { name, for: view } of allFunctions) {
      expect(viewOf(wordFor(view.type)), name).toBe(view);
    }
  });
});
