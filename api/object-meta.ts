import * as z from "zod";

/** One entry of `metadata.ownerReferences` (Kubernetes documentation, "Owners and Dependents"). */
export const ownerReferenceSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().optional(),
  blockOwnerDeletion: z.boolean().optional(),
});

export type OwnerReference = z.infer<typeof ownerReferenceSchema>;

/** The part of ObjectMeta that functions read; unknown fields are kept. */
export const objectMetaSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  finalizers: z.array(z.string()).optional(),
  ownerReferences: z.array(ownerReferenceSchema).optional(),
});

export type ObjectMeta = z.infer<typeof objectMetaSchema>;

/** ObjectMeta of an object in a namespace, as all objects of Cluster API are. */
export const namespacedMetaSchema = objectMetaSchema.extend({ namespace: z.string() });

export type NamespacedMeta = z.infer<typeof namespacedMetaSchema>;

/** The labels and annotations a template hands to the objects made from it. */
export const templateMetaSchema = z
  .looseObject({
    labels: z
      .record(z.string(), z.string())
      .meta({
        description: "Labels of the objects made from the template.",
        examples: [{ "example.com/tier": "edge" }],
      })
      .optional(),
    annotations: z
      .record(z.string(), z.string())
      .meta({
        description: "Annotations of the objects made from the template.",
        examples: [{ "example.com/note": "edge" }],
      })
      .optional(),
  })
  .meta({
    description: "Metadata of the objects made from the template. When given, it must not be empty.",
    minProperties: 1,
  });
