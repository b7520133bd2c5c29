import * as z from "zod";

const atomicList = { "x-kubernetes-list-type": "atomic" } as const;
const atomicMap = { "x-kubernetes-map-type": "atomic" } as const;

const values = z.array(z.string()).meta({
  description:
    "Values the operator compares with: not empty for In and NotIn, empty for Exists and DoesNotExist, one integer for Gt and Lt.",
  examples: [["host-0", "host-1"]],
  ...atomicList,
});

const nodeSelectorRequirement = z
  .looseObject({
    key: z.string().meta({
      description: "Label key (or field name) of the node.",
      examples: ["topology.kubernetes.io/zone"],
    }),
    operator: z
      .string()
      .meta({ description: "In, NotIn, Exists, DoesNotExist, Gt or Lt.", examples: ["In"] }),
    values: values.optional(),
  })
  .meta({ description: "One requirement on a node." });

const nodeSelectorTerm = z
  .looseObject({
    matchExpressions: z
      .array(nodeSelectorRequirement)
      .meta({ description: "Requirements on the node's labels; all must hold.", ...atomicList })
      .optional(),
    matchFields: z
      .array(nodeSelectorRequirement)
      .meta({ description: "Requirements on the node's fields; all must hold.", ...atomicList })
      .optional(),
  })
  .meta({ description: "A set of nodes.", ...atomicMap });

const weight = z.int32().meta({ description: "Weight of the preference, 1 to 100.", examples: [50] });

/** core/v1 NodeAffinity, applied to the Harvester hosts a VM may run on. */
export const nodeAffinitySchema = z.looseObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .looseObject({
      nodeSelectorTerms: z
        .array(nodeSelectorTerm)
        .meta({ description: "The host must match at least one of these.", ...atomicList }),
    })
    .meta({ description: "Hosts the VM may be scheduled on.", ...atomicMap })
    .optional(),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(
      z
        .looseObject({ weight, preference: nodeSelectorTerm })
        .meta({ description: "A preference and how much it counts." }),
    )
    .meta({
      description: "Hosts the VM is scheduled on if possible; the weights of matching entries are added up.",
      ...atomicList,
    })
    .optional(),
});

export type NodeAffinity = z.infer<typeof nodeAffinitySchema>;

const labelSelectorRequirement = z
  .looseObject({
    key: z.string().meta({ description: "Label key.", examples: ["app"] }),
    operator: z.string().meta({ description: "In, NotIn, Exists or DoesNotExist.", examples: ["Exists"] }),
    values: values.optional(),
  })
  .meta({ description: "One requirement on labels." });

const labelSelector = z.looseObject({
  matchExpressions: z
    .array(labelSelectorRequirement)
    .meta({ description: "Requirements on the labels; all must hold.", ...atomicList })
    .optional(),
  matchLabels: z
    .record(z.string(), z.string())
    .meta({
      description: "Labels that must be present with exactly these values.",
      examples: [{ app: "database" }],
    })
    .optional(),
});

const labelKeys = z.array(z.string());

const podAffinityTerm = z
  .looseObject({
    labelSelector: labelSelector
      .meta({ description: "The pods meant, by label. Absent matches no pod.", ...atomicMap })
      .optional(),
    namespaceSelector: labelSelector
      .meta({
        description: "Namespaces the pods are looked for in, by label. Empty matches all.",
        ...atomicMap,
      })
      .optional(),
    namespaces: z
      .array(z.string())
      .meta({
        description: "Namespaces the pods are looked for in, by name.",
        examples: [["default"]],
        ...atomicList,
      })
      .optional(),
    topologyKey: z.string().meta({
      description: "Node label; hosts with the same value count as the same place.",
      examples: ["kubernetes.io/hostname"],
    }),
    matchLabelKeys: labelKeys
      .meta({
        description: "Label keys whose value must equal that of the incoming pod.",
        examples: [["pod-template-hash"]],
        ...atomicList,
      })
      .optional(),
    mismatchLabelKeys: labelKeys
      .meta({
        description: "Label keys whose value must differ from that of the incoming pod.",
        examples: [["tenant"]],
        ...atomicList,
      })
      .optional(),
  })
  .meta({ description: "Pods to be near to, and what near means." });

/** core/v1 PodAffinity, applied to the pods (and so the VMs) of the Harvester cluster. */
export const podAffinitySchema = z.looseObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .array(podAffinityTerm)
    .meta({ description: "Pods the VM must run next to; all terms must hold.", ...atomicList })
    .optional(),
  preferredDuringSchedulingIgnoredDuringExecution: z
    .array(
      z
        .looseObject({ weight, podAffinityTerm })
        .meta({ description: "A preference and how much it counts." }),
    )
    .meta({
      description: "Pods the VM runs next to if possible; the weights of matching entries are added up.",
      ...atomicList,
    })
    .optional(),
});

export type PodAffinity = z.infer<typeof podAffinitySchema>;
