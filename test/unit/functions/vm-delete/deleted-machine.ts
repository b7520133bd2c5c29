import { harvesterMachines, virtualMachineInstances, virtualMachines } from "#platform/kube/resources.ts";
import {
  cluster,
  deleting,
  disk,
  harvesterCluster,
  harvesterMachine,
  machine,
  ownedLabels,
  secret,
  virtualMachine,
  virtualMachineInstance,
} from "#test/support/cluster-objects.ts";
import { kubeError } from "#test/support/fake-api.ts";
import { fakeDeps, type FakeDeps } from "#test/support/step-deps.ts";
import { stepWorld, type StepWorldOptions } from "#test/support/step-world.ts";

export const finalizer = "harvestermachine.infrastructure.cluster.x-k8s.io/finalizer";
export const legacyFinalizer = "harvestermachine.infrastructure.cluster.x-k8s.io";
export const kubevirt = {
  finalizers: ["kubevirt.io/virtualMachineControllerFinalize"],
  labels: ownedLabels("m-0"),
};
export const holder = "demo/m-0/uid-HarvesterMachine-m-0";
export const at = (name: string) => ({ namespace: "vms", name });

export const ours = [
  virtualMachine("m-0", { metadata: kubevirt }),
  virtualMachineInstance("m-0"),
  secret("m-0-cloud-init", ownedLabels("m-0")),
  disk("m-0-disk-0-abc1d", ownedLabels("m-0")),
  disk("m-0-disk-1-abc1e", ownedLabels("m-0")),
];

export interface Setup {
  readonly harvester?: readonly object[];
  readonly metadata?: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  readonly management?: readonly object[];
  readonly options?: StepWorldOptions;
}

export function setUp({ harvester = ours, metadata = {}, spec = {}, management, options }: Setup = {}) {
  const deps = fakeDeps({
    management: [
      ...(management ?? [cluster(), harvesterCluster(), machine("m-0")]),
      harvesterMachine("m-0", { metadata: deleting("m-0", metadata), spec }),
    ],
    harvester,
    ...(options?.down !== undefined && { harvesterError: kubeError("unavailable") }),
  });
  return { deps, world: stepWorld(deps, "demo", options) };
}

/** KubeVirt has stopped the VM: its instance and then the VM itself are gone. */
export function stopped(deps: FakeDeps): void {
  deps.harvesterApi.drop(virtualMachineInstances, at("m-0"));
  deps.harvesterApi.drop(virtualMachines, at("m-0"));
}

export const own = (deps: FakeDeps) =>
  deps.management.peek(harvesterMachines, { namespace: "demo", name: "m-0" });
export const names = (deps: FakeDeps, api: "harvester" | "management" = "harvester") =>
  deps
    .summary()
    .filter((request) => request.startsWith(api))
    .map((request) => request.slice(api.length + 1));
