import { describe, expect, test } from "vitest";
import { gate } from "#functions/harvester/gates.ts";
import { machineScope, type MachineScope } from "#functions/harvester/machine-scope.ts";
import type { StepFunction, View } from "#functions/contract/function.ts";
import { defineFunction } from "#functions/contract/define.ts";
import { done } from "#functions/contract/outcome.ts";
import { harvesterMachineView, type HarvesterMachineBody } from "#platform/cluster-api/harvester-machine.ts";
import { cluster, harvesterCluster, harvesterMachine, machine } from "#test/support/cluster-objects.ts";
import { fakeDeps } from "#test/support/step-deps.ts";
import { stepWorld } from "#test/support/step-world.ts";

const probe = (seen: (view: View<HarvesterMachineBody, MachineScope>) => void): StepFunction =>
  defineFunction({
    name: "probe",
    summary: "",
    on: [],
    for: harvesterMachineView,
    related: machineScope,
    needs: (view) => {
      seen(view);
      return false;
    },
    inputs: () => undefined,
    condition: "",
    rbac: [],
    uses: [],
    handle: () => Promise.resolve(done()),
  });

async function gateOver(...objects: object[]) {
  const views: View<HarvesterMachineBody, MachineScope>[] = [];
  await stepWorld(fakeDeps({ management: objects }), "demo").evaluate(
    probe((view) => views.push(view)),
    "m-0",
  );
  return gate(views[0]!);
}

const own = (annotations: Record<string, string> = {}) =>
  harvesterMachine("m-0", { metadata: { annotations } });
const unprovisioned = cluster({ status: { initialization: {} } });
const waiting = machine("m-0", { spec: { bootstrap: {} } });

describe("the gates", () => {
  test("are open when everything is there", async () => {
    expect(await gateOver(own(), machine("m-0"), cluster(), harvesterCluster())).toEqual({ open: true });
  });

  const paused = { "cluster.x-k8s.io/paused": "" };
  const managed = { "cluster.x-k8s.io/managed-by": "x" };
  test.each<[string, string, object[]]>([
    [
      "ownerMachine",
      "WaitingForOwnerMachine",
      [harvesterMachine("m-0", { metadata: { ownerReferences: [] } })],
    ],
    ["ownerMachine", "WaitingForOwnerMachine", [own(paused), cluster({ spec: { paused: true } })]],
    ["cluster", "WaitingForCluster", [own({ ...paused, ...managed }), waiting]],
    ["paused", "Paused", [own({ ...paused, ...managed }), waiting, unprovisioned]],
    ["paused", "Paused", [own(managed), waiting, cluster({ spec: { paused: true } })]],
    ["managedBy", "ExternallyManaged", [own(managed), waiting, unprovisioned]],
    [
      "infrastructure",
      "WaitingForClusterInfrastructure",
      [own(), waiting, unprovisioned, harvesterCluster()],
    ],
    ["infrastructure", "WaitingForClusterInfrastructure", [own(), waiting, cluster()]],
    ["bootstrap", "WaitingForBootstrapData", [own(), waiting, cluster(), harvesterCluster()]],
  ])("stop at %s first, with reason %s [check 51] [check 49] (%#)", async (name, reason, objects) => {
    expect(await gateOver(...objects)).toMatchObject({ open: false, name, reason });
  });

  test("do not care whether another system manages the HarvesterCluster: that is not about machines", async () => {
    const external = harvesterCluster({ metadata: { annotations: managed } });
    expect(await gateOver(own(), machine("m-0"), cluster(), external)).toEqual({ open: true });
  });
});
