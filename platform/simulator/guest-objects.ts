import * as z from "zod";
import { objectMetaSchema } from "#platform/kube/resource.ts";

/** A condition as Harvester and KubeVirt write it; `lastTransitionTime` is left out here and kept as it came. */
export const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
});

export type Condition = z.infer<typeof conditionSchema>;

const selectorRequirement = z.looseObject({
  key: z.string(),
  operator: z.string(),
  values: z.array(z.string()).default([]),
});

const guestSpecSchema = z.looseObject({
  hostname: z.string().optional(),
  nodeSelector: z.record(z.string(), z.string()).optional(),
  affinity: z
    .looseObject({
      nodeAffinity: z
        .looseObject({
          requiredDuringSchedulingIgnoredDuringExecution: z
            .looseObject({
              nodeSelectorTerms: z.array(
                z.looseObject({ matchExpressions: z.array(selectorRequirement).default([]) }),
              ),
            })
            .optional(),
        })
        .optional(),
    })
    .optional(),
  domain: z.looseObject({
    devices: z
      .looseObject({
        interfaces: z
          .array(z.looseObject({ name: z.string(), macAddress: z.string().optional() }))
          .default([]),
      })
      .prefault({}),
  }),
  networks: z.array(z.looseObject({ name: z.string() })).default([]),
  volumes: z
    .array(
      z.looseObject({
        name: z.string(),
        persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional(),
        cloudInitNoCloud: z
          .looseObject({
            networkData: z.string().optional(),
            networkDataBase64: z.string().optional(),
            networkDataSecretRef: z.looseObject({ name: z.string() }).optional(),
          })
          .optional(),
      }),
    )
    .default([]),
});

/** What a guest is made of: the specification of a VirtualMachineInstance. */
export type GuestSpec = z.infer<typeof guestSpecSchema>;

export const virtualMachineSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    runStrategy: z.string().optional(),
    running: z.boolean().optional(),
    template: z.looseObject({
      metadata: z
        .looseObject({
          labels: z.record(z.string(), z.string()).optional(),
          annotations: z.record(z.string(), z.string()).optional(),
        })
        .optional(),
      spec: guestSpecSchema,
    }),
  }),
  status: z
    .looseObject({
      printableStatus: z.string().optional(),
      created: z.boolean().optional(),
      ready: z.boolean().optional(),
    })
    .prefault({}),
});

export type VirtualMachine = z.infer<typeof virtualMachineSchema>;

const guestInterfaceSchema = z.looseObject({
  name: z.string().optional(),
  interfaceName: z.string().optional(),
  mac: z.string().optional(),
  ipAddress: z.string().optional(),
  ipAddresses: z.array(z.string()).nullish(),
  infoSource: z.string().optional(),
});

/** One network interface as KubeVirt reports it. */
export type GuestInterface = z.infer<typeof guestInterfaceSchema>;

export const instanceSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: guestSpecSchema,
  status: z
    .looseObject({
      phase: z.string().optional(),
      nodeName: z.string().optional(),
      interfaces: z.array(guestInterfaceSchema).default([]),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
});

/** A VirtualMachineInstance. */
export type Instance = z.infer<typeof instanceSchema>;

export function conditionIsTrue(conditions: readonly Condition[], type: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}
