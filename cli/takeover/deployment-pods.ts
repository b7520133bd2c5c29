import * as z from "zod";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { pods } from "#platform/kube/resources.ts";

const requirementSchema = z.object({
  key: z.string(),
  operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
  values: z.array(z.string()).default([]),
});

const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    selector: z.looseObject({
      matchLabels: z.record(z.string(), z.string()).default({}),
      matchExpressions: z.array(requirementSchema).default([]),
    }),
  }),
});

const podSchema = z.looseObject({
  status: z.looseObject({ phase: z.string().optional() }).prefault({}),
});

/** Phases in which all containers have ended and none starts again (Kubernetes, pod lifecycle). Evicted pods stay so, whatever the replicas. */
const ended = new Set(["Succeeded", "Failed"]);

/**
 * Names of the pods of a Deployment that may still act: those under its selector, also while they terminate, which its `status.replicas` does not count.
 *
 * @throws KubeError
 */
export async function actingPods(
  client: Pick<KubeReader, "list">,
  deployment: KubeObject,
): Promise<string[]> {
  const { namespace } = deployment.metadata;
  const acting: string[] = [];
  for await (const pod of client.list(pods, { namespace, labelSelector: selectorOf(deployment) }))
    if (!ended.has(podSchema.parse(pod).status.phase ?? "")) acting.push(pod.metadata.name);
  return acting;
}

/** As a list request takes it (Kubernetes, labels and selectors). */
function selectorOf(deployment: KubeObject): string {
  const { matchLabels, matchExpressions } = deploymentSchema.parse(deployment).spec.selector;
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(requirementText),
  ].join(",");
}

function requirementText({ key, operator, values }: z.infer<typeof requirementSchema>): string {
  const among = `(${values.join(",")})`;
  switch (operator) {
    case "In":
      return `${key} in ${among}`;
    case "NotIn":
      return `${key} notin ${among}`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}
