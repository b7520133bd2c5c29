import * as z from "zod";
import { deployments } from "#platform/kube/resources.ts";
import type { ObjectRef, ResourceView, Seen } from "#platform/kube/view.ts";

/** What we look at of a Deployment on Harvester. */
const deploymentSchema = z.object({
  status: z
    .object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) })
    .prefault({}),
});

export type Deployment = z.infer<typeof deploymentSchema>;

export const deploymentView: ResourceView<Deployment> = { type: deployments, schema: deploymentSchema };

/** The Deployment that is Harvester itself: where it is Available, the API behind the kubeconfig is a working Harvester. */
export function harvesterDeployment(connection: string): ObjectRef {
  return { connection, namespace: "harvester-system", name: "harvester" };
}

export function isAvailable(deployment: Seen<Deployment>): boolean {
  return deployment.status.conditions.some(({ type, status }) => type === "Available" && status === "True");
}
