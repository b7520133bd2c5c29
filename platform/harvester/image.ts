import * as z from "zod";
import { keyPairs, virtualMachineImages } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a VirtualMachineImage (harvesterhci.io/v1beta1). */
const imageSchema = z.object({
  spec: z.object({ displayName: z.string().optional() }).prefault({}),
  status: z
    .object({
      progress: z.number().optional(),
      storageClassName: z.string().optional(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() }))
        .default([]),
    })
    .prefault({}),
});

export type Image = z.infer<typeof imageSchema>;

/** Images are named by display name or by resource name, so both are values of the index `name`. */
export const imageView: ResourceView<Image> = {
  type: virtualMachineImages,
  schema: imageSchema,
  indexes: (image) => ({
    name: [image.meta.name, ...(image.spec.displayName === undefined ? [] : [image.spec.displayName])],
  }),
};

const keyPairSchema = z.object({ spec: z.object({ publicKey: z.string().default("") }).prefault({}) });

export type KeyPair = z.infer<typeof keyPairSchema>;

export const keyPairView: ResourceView<KeyPair> = { type: keyPairs, schema: keyPairSchema };
