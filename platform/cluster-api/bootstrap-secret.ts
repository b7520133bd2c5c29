import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";

const valueSchema = z.looseObject({ data: z.looseObject({ value: z.base64() }) });

/** The bootstrap data as its provider wrote it (contract of Cluster API: key `value`); undefined when there is none. */
export function readBootstrapValue(secret: KubeObject): Buffer | undefined {
  const read = valueSchema.safeParse(secret);
  return read.success ? Buffer.from(read.data.data.value, "base64") : undefined;
}
