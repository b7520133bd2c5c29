import * as z from "zod";

import { nodeAffinitySchema, podAffinitySchema } from "#api/affinity.ts";
import { conditionsSchema } from "#api/condition.ts";
import { deadFailureFields } from "#api/dead-fields.ts";
import {
  dnsSearchSchema,
  dnsServersSchema,
  initializationSchema,
  ipamNetworkConfigSchema,
  vmNetworkConfigSchema,
} from "#api/network.ts";
import { namespacedMetaSchema } from "#api/object-meta.ts";
import { quantitySchema } from "#api/quantity.ts";

/** The two kinds of disk. v1alpha1 has no enum, so a stored object may hold any string: treat the rest as an error of the user. */
export const volumeTypes = { image: "image", storageClass: "storageClass" } as const;

/** One disk of a machine. */
export const volumeSchema = z
  .looseObject({
    volumeType: z.string().meta({
      description: "`image`: a copy of a VM image. `storageClass`: an empty disk.",
      examples: ["image"],
      versions: { v1beta1: { enum: Object.values(volumeTypes) } },
    }),
    imageName: z
      .string()
      .meta({
        description:
          "VM image of Harvester, as `namespace/name` or `name` (then in the target namespace), by display name or resource name. Needed for `image`.",
        examples: ["default/ubuntu-24.04"],
      })
      .optional(),
    storageClass: z
      .string()
      .meta({
        description: "StorageClass of Harvester. Needed for `storageClass`.",
        examples: ["harvester-longhorn"],
      })
      .optional(),
    volumeSize: quantitySchema
      .meta({ description: "Size of the disk in bytes, as a quantity.", examples: ["40Gi"] })
      .optional(),
    bootOrder: z
      .int()
      .meta({ description: "Place in the boot order, from 1. Absent or 0: not booted from.", examples: [1] })
      .optional(),
    accessMode: z
      .enum(["ReadWriteMany", "ReadWriteOnce"])
      .meta({
        description:
          "Access mode of the disk's PersistentVolumeClaim. Absent: what the volume needs for live migration, ReadWriteMany.",
        examples: ["ReadWriteOnce"],
        addition: true,
      })
      .optional(),
    volumeMode: z
      .enum(["Block", "Filesystem"])
      .meta({
        description: "Volume mode of the disk's PersistentVolumeClaim. Absent: Block.",
        examples: ["Filesystem"],
        addition: true,
      })
      .optional(),
  })
  .meta({ description: "One disk." });

export type Volume = z.infer<typeof volumeSchema>;

/** A fixed address of one machine, outside any pool. */
export const networkConfigSchema = z.looseObject({
  address: z.string().meta({
    description: "IP address of the machine.",
    examples: ["10.50.0.40"],
  }),
  gateway: z.string().meta({
    description: "IP address of the gateway.",
    examples: ["10.50.0.1"],
  }),
  subnetMask: z
    .string()
    .meta({
      description:
        "Mask of the machine's network, in dotted form or as prefix length. Absent: that of the cluster's `vmNetworkConfig`.",
      examples: ["255.255.0.0", "16"],
      addition: true,
    })
    .optional(),
  dnsServers: dnsServersSchema.optional(),
  dnsSearch: dnsSearchSchema.optional(),
});

export type NetworkConfig = z.infer<typeof networkConfigSchema>;

/** `HarvesterMachine.spec`, and what a HarvesterMachineTemplate holds. */
export const harvesterMachineSpecSchema = z.looseObject({
  providerID: z
    .string()
    .meta({
      description:
        "Written by capfn: `harvester://<uid of the VM>`, or what the Node already has. Byte for byte the Node's `spec.providerID`.",
      examples: ["harvester://7daa79a5-03c0-4903-bd5f-8c0e8970fda5"],
    })
    .optional(),
  failureDomain: z
    .string()
    .meta({
      description: "Failure domain to place the VM in; used only when the owner Machine names none.",
      examples: ["zone-a"],
    })
    .optional(),
  failureDomainPolicy: z
    .enum(["Required", "Preferred"])
    .meta({
      description:
        "What the failure domain means for scheduling. `Required`: only hosts of the domain. `Preferred`: others when the domain has no room. Absent: `Required` for a zone, `Preferred` for a single host.",
      examples: ["Preferred"],
      addition: true,
    })
    .optional(),
  cpu: z.int().meta({ description: "CPU cores of the VM.", examples: [4], format: "int32" }),
  memory: z.string().meta({
    description: "Memory of the VM in bytes, as a quantity.",
    examples: ["8Gi"],
  }),
  sshUser: z.string().meta({
    description: "User of the image that logs in by SSH.",
    examples: ["ubuntu"],
  }),
  sshKeyPair: z.string().meta({
    description:
      "KeyPair of Harvester whose public key is authorised, as `namespace/name` or `name` (then in the target namespace).",
    examples: ["default/operators"],
  }),
  volumes: z.array(volumeSchema).meta({
    description: "Disks of the VM, in this order.",
  }),
  networks: z.array(z.string()).meta({
    description: "VM networks of Harvester, one interface each in this order, as `namespace/name` or `name`.",
    examples: [["default/vlan1"]],
  }),
  nodeAffinity: nodeAffinitySchema
    .meta({ description: "Harvester hosts the VM may or should run on, as for Pods." })
    .optional(),
  workloadAffinity: podAffinitySchema
    .meta({
      description: "Workloads of the Harvester cluster the VM must or should run next to, as for Pods.",
    })
    .optional(),
  networkConfig: networkConfigSchema
    .meta({
      description:
        "A fixed address for this machine. Wins over the cluster's pools; not together with `vmNetworkConfig`.",
    })
    .optional(),
  vmNetworkConfig: vmNetworkConfigSchema
    .meta({
      description:
        "Static addresses from pools for this machine, instead of the cluster's `vmNetworkConfig`.",
    })
    .optional(),
  ipamNetworkConfig: ipamNetworkConfigSchema
    .meta({
      description:
        "Static addresses from IPAM providers for this machine. Wins over every `vmNetworkConfig`, and over the cluster's `ipamNetworkConfig`.",
      addition: true,
    })
    .optional(),
  firmware: z
    .looseObject({
      efi: z
        .boolean()
        .meta({ description: "Boot by UEFI. Absent: BIOS.", examples: [true] })
        .optional(),
      secureBoot: z
        .boolean()
        .meta({
          description: "UEFI Secure Boot; needs `efi` and an image with a signed boot loader.",
          examples: [true],
        })
        .optional(),
    })
    .meta({ description: "Firmware the VM boots with." })
    .optional(),
  tpm: z
    .looseObject({
      enabled: z
        .boolean()
        .meta({ description: "The VM has an emulated TPM 2.0.", examples: [true] })
        .optional(),
      persistent: z
        .boolean()
        .meta({
          description: "The TPM keeps its state when the VM restarts; needs `enabled`.",
          examples: [true],
        })
        .optional(),
    })
    .meta({ description: "Trusted Platform Module of the VM." })
    .optional(),
});

export type HarvesterMachineSpec = z.infer<typeof harvesterMachineSpecSchema>;

/** One address of a machine (contract of Cluster API, InfraMachine: addresses). */
export const machineAddressSchema = z
  .looseObject({
    type: z.enum(["Hostname", "ExternalIP", "InternalIP", "ExternalDNS", "InternalDNS"]).meta({
      description: "Kind of the address.",
      examples: ["InternalIP"],
    }),
    address: z
      .string()
      .meta({ description: "The address.", examples: ["10.50.0.10"], minLength: 1, maxLength: 256 }),
  })
  .meta({ description: "One address." });

export type MachineAddress = z.infer<typeof machineAddressSchema>;

/** `HarvesterMachine.status`. All of it can be rebuilt from the spec and from Harvester. */
export const harvesterMachineStatusSchema = z.looseObject({
  ready: z
    .boolean()
    .meta({
      description: "Provisioning is complete. Read by Cluster API (contract v1beta1).",
      examples: [true],
    })
    .optional(),
  initialization: initializationSchema.optional(),
  conditions: conditionsSchema.optional(),
  addresses: z.array(machineAddressSchema).meta({ description: "Addresses of the machine." }).optional(),
  allocatedIPAddress: z
    .string()
    .meta({ description: "IP address allocated to the machine from a pool.", examples: ["10.50.0.10"] })
    .optional(),
  allocatedPoolRef: z
    .string()
    .meta({ description: "Name of the IPPool the address is from.", examples: ["demo-vms"] })
    .optional(),
  failureDomain: z
    .string()
    .meta({ description: "Failure domain the VM was placed in.", examples: ["zone-a"] })
    .optional(),
  ...deadFailureFields,
});

export type HarvesterMachineStatus = z.infer<typeof harvesterMachineStatusSchema>;

/** A HarvesterMachine as the API server answers, in any served version. Unknown fields are kept. */
export const harvesterMachineSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterMachine"),
  metadata: namespacedMetaSchema,
  spec: harvesterMachineSpecSchema.meta({ description: "The machine wanted." }),
  status: harvesterMachineStatusSchema.meta({ description: "The machine observed." }).optional(),
});

export type HarvesterMachine = z.infer<typeof harvesterMachineSchema>;
