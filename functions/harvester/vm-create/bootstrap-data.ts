import * as z from "zod";
import type { BootstrapData } from "#functions/harvester/vm-create/cloud-init/user-data.ts";
import type { KubeObject } from "#platform/kube/resource.ts";

const bootstrapSecretSchema = z.looseObject({
  data: z.object({ value: z.base64(), format: z.base64().optional() }),
});

/** Reads the bootstrap data Secret (contract of Cluster API: keys `value` and `format`); undefined when it has no `value`. */
export function readBootstrapData(secret: KubeObject): BootstrapData | undefined {
  const read = bootstrapSecretSchema.safeParse(secret);
  if (!read.success) return undefined;
  const { value, format } = read.data.data;
  return {
    value: Buffer.from(value, "base64"),
    format: format === undefined ? undefined : Buffer.from(format, "base64").toString("utf8").trim(),
  };
}
