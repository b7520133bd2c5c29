import * as z from "zod";
import type { KubeReader } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";

/** Workspace of Fleet that clusters are in when nothing else is said (Rancher, "Fleet workspaces"). */
export const DEFAULT_WORKSPACE = "fleet-default";

const provisioningSchema = z.looseObject({
  status: z.looseObject({ clusterName: z.string().optional() }).prefault({}),
});

const rancherSchema = z.looseObject({
  spec: z.looseObject({ fleetWorkspaceName: z.string().optional() }).prefault({}),
});

/** Rancher's name for a cluster that it provisions or imports; undefined before it has given one. */
export function rancherName(provisioning: KubeObject): string | undefined {
  return filled(provisioningSchema.safeParse(provisioning).data?.status.clusterName);
}

/** The workspace of Fleet the cluster is in; undefined when it is in none. */
export function workspaceOf(cluster: KubeObject): string | undefined {
  return filled(rancherSchema.safeParse(cluster).data?.spec.fleetWorkspaceName);
}

/** The object, undefined when there is none, or `notServed` when Rancher has not installed its resource types. */
export async function readOptional(
  client: Pick<KubeReader, "get">,
  type: ResourceType,
  name: ObjectName,
): Promise<KubeObject | undefined | "notServed"> {
  try {
    return await client.get(type, name);
  } catch (error) {
    if (isKubeError(error) && error.detail === "notServed") return "notServed";
    throw error;
  }
}

function filled(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
