import * as z from "zod";
import { namespaces } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a Namespace on Harvester: `Active` or `Terminating`. */
const namespaceSchema = z.object({
  status: z.object({ phase: z.string().optional() }).prefault({}),
});

export type Namespace = z.infer<typeof namespaceSchema>;

export const namespaceView: ResourceView<Namespace> = { type: namespaces, schema: namespaceSchema };
