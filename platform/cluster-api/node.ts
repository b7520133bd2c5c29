import * as z from "zod";
import { nodes } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

/** What we look at of a Node of a workload cluster; a Node is large and chatty, these fields are neither. */
const nodeSchema = z.object({
  metadata: z.object({
    labels: z.object({ "kubernetes.io/hostname": z.string().optional() }).prefault({}),
  }),
  spec: z
    .object({
      providerID: z.string().optional(),
      taints: z
        .array(z.object({ key: z.string(), value: z.string().optional(), effect: z.string() }))
        .default([]),
    })
    .prefault({}),
  status: z
    .object({ addresses: z.array(z.object({ type: z.string(), address: z.string() })).default([]) })
    .prefault({}),
});

export type Node = z.infer<typeof nodeSchema>;

/** A Node is found by name, hostname label or address (index `identity`), or by `providerID`: its name need not be the machine's. */
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
  }),
};
