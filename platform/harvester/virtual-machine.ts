import * as z from "zod";
import { virtualMachineInstances, virtualMachines } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a KubeVirt VirtualMachine (kubevirt.io/v1). */
const virtualMachineSchema = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.string()).prefault({}),
    annotations: z
      .object({
        /** JSON array of the PVCs Harvester makes for the VM. */
        "harvesterhci.io/volumeClaimTemplates": z.string().optional(),
      })
      .prefault({}),
  }),
  spec: z.object({
    runStrategy: z.string().optional(),
    running: z.boolean().optional(),
  }),
  status: z
    .object({
      printableStatus: z.string().optional(),
      created: z.boolean().optional(),
      ready: z.boolean().optional(),
    })
    .prefault({}),
});

export type VirtualMachine = z.infer<typeof virtualMachineSchema>;

export const virtualMachineView: ResourceView<VirtualMachine> = {
  type: virtualMachines,
  schema: virtualMachineSchema,
};

/** What we look at of a running VM: phase, and the addresses KubeVirt reports per interface. */
const virtualMachineInstanceSchema = z.object({
  spec: z
    .object({
      networks: z
        .array(z.object({ name: z.string(), multus: z.object({ networkName: z.string() }).optional() }))
        .default([]),
    })
    .prefault({}),
  status: z
    .object({
      phase: z.string().optional(),
      nodeName: z.string().optional(),
      interfaces: z
        .array(
          z.object({
            /** The interface's name in the VM spec; absent for what only the guest agent reports (CNI bridges, tunnels). */
            name: z.string().optional(),
            interfaceName: z.string().optional(),
            mac: z.string().optional(),
            ipAddress: z.string().optional(),
            ipAddresses: z.array(z.string()).nullish(),
            infoSource: z.string().optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
});

export type VirtualMachineInstance = z.infer<typeof virtualMachineInstanceSchema>;

export const virtualMachineInstanceView: ResourceView<VirtualMachineInstance> = {
  type: virtualMachineInstances,
  schema: virtualMachineInstanceSchema,
};
