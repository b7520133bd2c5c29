import { createHash } from "node:crypto";
import * as z from "zod";
import { CLOUD_RECORD_PREFIX } from "#platform/cluster-api/cloud-config-record.ts";
import { configMaps } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/**
 * Annotation of a ConfigMap that clusters of other namespaces may put credentials into: those namespaces, separated by commas. Whoever writes a
 * HarvesterCluster must not thereby reach into everybody's ConfigMaps.
 */
export const CONSENT_ANNOTATION = "capfn.dev/cloud-config-from";

/** SHA-256 of a text, base64url. */
export function textDigest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/**
 * A ConfigMap as we watch it: digests of its texts, because manifests may hold credentials, and our own annotations. Reads its own output: a digest
 * stays what it is.
 */
const configMapSchema = z
  .object({
    metadata: z.object({ annotations: z.record(z.string(), z.string()).optional() }).prefault({}),
    immutable: z.boolean().optional(),
    data: z.record(z.string(), z.string()).nullish(),
    digests: z.record(z.string(), z.string()).optional(),
  })
  .transform(({ metadata: { annotations = {} }, immutable = false, data, digests = {} }) => ({
    metadata: {
      annotations: Object.fromEntries(Object.entries(annotations).filter(([name]) => isOurs(name))),
    },
    immutable,
    digests: {
      ...digests,
      ...Object.fromEntries(Object.entries(data ?? {}).map(([key, text]) => [key, textDigest(text)])),
    },
  }));

export type ConfigMap = z.infer<typeof configMapSchema>;

export const configMapView: ResourceView<ConfigMap> = { type: configMaps, schema: configMapSchema };

function isOurs(annotation: string): boolean {
  return annotation === CONSENT_ANNOTATION || annotation.startsWith(CLOUD_RECORD_PREFIX);
}
