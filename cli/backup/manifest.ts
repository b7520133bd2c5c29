import * as z from "zod";
import { resourceTypeSchema } from "#platform/kube/resource.ts";

/** Name of the file that says what a backup holds. */
export const MANIFEST_FILE = "manifest.json";

/**
 * What a backup holds and where it is from.
 * - `restore`: whether `capfn restore` creates the objects of a file, or the file is there for people
 */
export const manifestSchema = z.object({
  format: z.literal(1),
  /** Version of capfn that wrote it. */
  version: z.string(),
  /** RFC 3339. */
  createdAt: z.string(),
  /** uid of the Namespace kube-system: which cluster it is. */
  cluster: z.string(),
  /** Only objects of this namespace and what they name; all when absent. */
  namespace: z.string().optional(),
  /** Whether Secrets are in it. */
  secrets: z.boolean(),
  files: z.array(
    z.object({
      file: z.string(),
      type: resourceTypeSchema,
      count: z.number(),
      restore: z.boolean(),
    }),
  ),
  /** `<Kind> <namespace>/<name>` of what was being deleted. */
  deleting: z.array(z.string()),
  /** What belongs to a backup and is not in this one, each with the reason. */
  leftOut: z.array(z.string()).default([]),
  etcdSnapshot: z.string().optional(),
});

export type BackupManifest = z.infer<typeof manifestSchema>;
