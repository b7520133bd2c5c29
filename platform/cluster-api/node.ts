import * as z from "zod";
import { nodes } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a Node of a workload cluster or of Harvester itself; a Node is large and chatty, these fields are neither. */
const readySchema = z.object({
  type: z.literal("Ready"),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string().default(""),
});

const nodeSchema = z.object({
  metadata: z.object({
    labels: z
      .object({
        "kubernetes.io/hostname": z.string().optional(),
        "topology.kubernetes.io/zone": z.string().optional(),
        /** On a host of Harvester that only votes in etcd and runs no VM. */
        "node-role.harvesterhci.io/witness": z.string().optional(),
      })
      .prefault({}),
  }),
  spec: z
    .object({
      providerID: z.string().optional(),
      taints: z
        .array(z.object({ key: z.string(), value: z.string().optional(), effect: z.string() }))
        .default([]),
      /** Cordoned. */
      unschedulable: z.boolean().optional(),
    })
    .prefault({}),
  status: z
    .object({
      addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]),
      /** Of all conditions only Ready, without its heartbeat. */
      conditions: z
        .array(z.looseObject({ type: z.string() }))
        .transform((all) => all.flatMap((each) => readySchema.safeParse(each).data ?? []))
        .prefault([]),
      /** Another one each time the machine starts (Kubernetes API, NodeSystemInfo). */
      nodeInfo: z.object({ bootID: z.string().optional() }).prefault({}),
    })
    .prefault({}),
});

export type Node = z.infer<typeof nodeSchema>;

/** What the Node's condition Ready says; `Unknown` also when there is none. */
export function readiness(node: Pick<Node, "status">): "True" | "False" | "Unknown" {
  return node.status.conditions[0]?.status ?? "Unknown";
}

/**
 * A Node is found by name, hostname label or address (index `identity`), or by `providerID`: its name need not be the machine's. All of a
 * cluster, by whether they are Ready.
 */
export const nodeView: ResourceView<Node> = {
  type: nodes,
  schema: nodeSchema,
  indexes: (node) => ({
    identity: [
      ...new Set([
        node.meta.name,
        ...(node.metadata.labels["kubernetes.io/hostname"] === undefined
          ? []
          : [node.metadata.labels["kubernetes.io/hostname"]]),
        ...node.status.addresses.map(({ address }) => address),
      ]),
    ],
    providerID: node.spec.providerID === undefined ? [] : [node.spec.providerID],
    ready: [readiness(node)],
  }),
  isWell: (node) => readiness(node) === "True",
};
