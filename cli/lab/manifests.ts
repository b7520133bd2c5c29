import { parseAllDocuments } from "yaml";
import * as z from "zod";
import type { NewObject } from "#platform/kube/resource.ts";

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/** The objects of a multi-document YAML text. Throws when a document is no Kubernetes object; the message says which. */
export function kubeObjectManifests(text: string): NewObject[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((value) => value !== null)
    .map((value, index) => {
      const parsed = manifestSchema.safeParse(value);
      if (parsed.success) return parsed.data;
      throw new Error(
        `document ${index + 1} is no Kubernetes object: apiVersion, kind and metadata.name are needed`,
      );
    });
}
