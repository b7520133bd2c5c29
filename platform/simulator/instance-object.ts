import type { NewObject } from "#platform/kube/resource.ts";
import type { Condition, GuestInterface, VirtualMachine } from "#platform/simulator/guest-objects.ts";

/** Keeps an instance until its guest has ended (KubeVirt's finalizer of instances). */
export const INSTANCE_FINALIZER = "foregroundDeleteVirtualMachine";

/** The VirtualMachineInstance that KubeVirt makes of a VirtualMachine's template. */
export function newInstance(vm: VirtualMachine, time: string): NewObject {
  const { labels, annotations } = vm.spec.template.metadata ?? {};
  return {
    apiVersion: "kubevirt.io/v1",
    kind: "VirtualMachineInstance",
    metadata: {
      name: vm.metadata.name,
      namespace: vm.metadata.namespace,
      labels,
      annotations,
      finalizers: [INSTANCE_FINALIZER],
      ownerReferences: [
        {
          apiVersion: "kubevirt.io/v1",
          kind: "VirtualMachine",
          name: vm.metadata.name,
          uid: vm.metadata.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: vm.spec.template.spec,
    status: { phase: "Pending", conditions: [condition("Ready", false, time, "GuestNotRunning")] },
  };
}

/** A condition of an instance. */
function condition(type: string, holds: boolean, time: string, reason?: string): Condition {
  return {
    type,
    status: holds ? "True" : "False",
    lastProbeTime: null,
    lastTransitionTime: time,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Status of an instance whose pod found no host. */
export function unschedulable(time: string): Record<string, unknown> {
  return {
    phase: "Scheduling",
    conditions: [
      condition("Ready", false, time, "GuestNotRunning"),
      condition("PodScheduled", false, time, "Unschedulable"),
    ],
  };
}

/** Status of a phase before Running. */
export function starting(
  phase: "Scheduling" | "Scheduled",
  host: string | undefined,
  time: string,
): Record<string, unknown> {
  return {
    phase,
    conditions: [condition("Ready", false, time, "GuestNotRunning")],
    ...(phase === "Scheduled" && host !== undefined ? { nodeName: host } : {}),
  };
}

/** Status of a guest that runs; its interfaces are those known so far. */
export function running(
  agentConnected: boolean,
  interfaces: readonly GuestInterface[],
  time: string,
): Record<string, unknown> {
  return {
    phase: "Running",
    conditions: [
      condition("Ready", true, time),
      ...(agentConnected ? [condition("AgentConnected", true, time)] : []),
    ],
    interfaces,
  };
}
