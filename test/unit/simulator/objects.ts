import {
  type Instance,
  instanceSchema,
  type VirtualMachine,
  virtualMachineSchema,
} from "#platform/simulator/guest-objects.ts";
import { HARVESTER_FINALIZER, KUBEVIRT_FINALIZER } from "#platform/simulator/instance-lifecycle.ts";

const guest = {
  hostname: "vm-1",
  domain: { devices: { interfaces: [{ name: "nic-1" }] } },
  networks: [{ name: "nic-1" }],
  volumes: [{ name: "disk-0", persistentVolumeClaim: { claimName: "disk" } }],
};

/** A VirtualMachine that Harvester and KubeVirt have taken over. */
export function vm(fields: { metadata?: object; spec?: object; status?: object } = {}): VirtualMachine {
  return virtualMachineSchema.parse({
    metadata: {
      name: "vm-1",
      namespace: "demo",
      uid: "vm-uid",
      resourceVersion: "1",
      finalizers: [HARVESTER_FINALIZER, KUBEVIRT_FINALIZER],
      ...fields.metadata,
    },
    spec: { runStrategy: "Always", template: { spec: guest }, ...fields.spec },
    status: fields.status,
  });
}

/** Its instance, in this phase. */
export function instance(
  phase: string,
  fields: { metadata?: object; spec?: object; status?: object } = {},
): Instance {
  return instanceSchema.parse({
    metadata: {
      name: "vm-1",
      namespace: "demo",
      uid: "instance-uid",
      resourceVersion: "1",
      ownerReferences: [
        { apiVersion: "kubevirt.io/v1", kind: "VirtualMachine", name: "vm-1", uid: "vm-uid" },
      ],
      ...fields.metadata,
    },
    spec: { ...guest, ...fields.spec },
    status: { phase, ...fields.status },
  });
}

export const connected = { conditions: [{ type: "AgentConnected", status: "True" }] };
