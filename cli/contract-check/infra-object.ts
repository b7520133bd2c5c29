import * as z from "zod";
import type { KubeObject } from "#platform/kube/resource.ts";

/** An infrastructure object, or a Cluster or Machine, as far as clauses about objects look at it. What does not fit counts as absent. */
const infraSchema = z.object({
  spec: z
    .object({
      paused: z.boolean().optional().catch(undefined),
      clusterName: z.string().optional().catch(undefined),
      providerID: z.string().optional().catch(undefined),
      controlPlaneEndpoint: z
        .object({ host: z.string().default(""), port: z.number().default(0) })
        .optional()
        .catch(undefined),
    })
    .prefault({}),
  status: z
    .object({
      ready: z.boolean().optional().catch(undefined),
      initialization: z
        .object({
          provisioned: z.boolean().optional(),
          infrastructureProvisioned: z.boolean().optional(),
        })
        .prefault({})
        .catch({}),
      conditions: z.array(z.unknown()).default([]).catch([]),
    })
    .prefault({}),
});

const conditionSchema = z.object({
  type: z.string().min(1),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string().min(1),
  lastTransitionTime: z.iso.datetime({ offset: true }),
});

/** The object, read. */
export interface InfraObject {
  readonly metadata: KubeObject["metadata"];
  readonly spec: z.infer<typeof infraSchema>["spec"];
  readonly status: z.infer<typeof infraSchema>["status"];
}

export function readInfra(object: KubeObject): InfraObject {
  return { metadata: object.metadata, ...infraSchema.parse(object) };
}

/** By the flag of either contract. */
export function isProvisioned({ status }: InfraObject): boolean {
  return status.initialization.provisioned === true || status.ready === true;
}

export function isManagedElsewhere({ metadata }: InfraObject): boolean {
  return metadata.annotations?.["cluster.x-k8s.io/managed-by"] !== undefined;
}

/** Status of a condition; undefined when there is none. */
export function conditionStatus({ status }: InfraObject, type: string): string | undefined {
  const loose = z.object({ type: z.literal(type), status: z.string() });
  return status.conditions.flatMap((each) => loose.safeParse(each).data ?? [])[0]?.status;
}

/** What is wrong with the conditions, by type; undefined when nothing is. */
export function conditionsProblem({ status }: InfraObject): string | undefined {
  const types: string[] = [];
  for (const each of status.conditions) {
    const type = z.object({ type: z.string() }).safeParse(each).data?.type ?? "without a type";
    const read = conditionSchema.safeParse(each);
    if (!read.success)
      return `condition ${type}: ${read.error.issues[0]?.path.join(".") ?? "status"} is missing or malformed`;
    if (types.includes(type)) return `condition ${type} is there twice`;
    types.push(type);
  }
  return undefined;
}
