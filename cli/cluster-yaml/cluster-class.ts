import * as z from "zod";
import { clusterClass } from "#cli/generate/clusterctl/class/class.ts";
import { CLASS } from "#cli/generate/clusterctl/class/parts.ts";
import type { ClusterOptions } from "#cli/cluster-yaml/options.ts";
import type { NewObject } from "#platform/kube/resource.ts";

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/**
 * The ClusterClass `harvester-rke2` with its templates, in the cluster's namespace: a class serves Clusters beside it, and all of them alike. A
 * class of another name is a person's own, and is there already.
 */
export function classDocuments({ class: name, namespace }: ClusterOptions): NewObject[] {
  if (name !== CLASS) return [];
  return clusterClass().map((document) => {
    const { metadata, ...rest } = manifestSchema.parse(document);
    return { ...rest, metadata: { ...metadata, namespace } };
  });
}
