import * as z from "zod";
import { ownerUidLabel } from "#api/names.ts";
import { loadBalancers, services } from "#platform/kube/resources.ts";
import type { ResourceView } from "#platform/kube/view.ts";

const ownerSchema = z
  .object({ labels: z.object({ [ownerUidLabel]: z.string().optional() }).prefault({}) })
  .prefault({});

const listenerSchema = z.object({
  name: z.string(),
  port: z.number(),
  protocol: z.string(),
  backendPort: z.number(),
});

/** What we look at of a LoadBalancer of Harvester (loadbalancer.harvesterhci.io/v1beta1). */
const loadBalancerSchema = z.object({
  metadata: ownerSchema,
  spec: z
    .object({
      description: z.string().optional(),
      workloadType: z.string().optional(),
      ipam: z.string().optional(),
      ipPool: z.string().optional(),
      listeners: z.array(listenerSchema).default([]),
      backendServerSelector: z.record(z.string(), z.array(z.string())).prefault({}),
      healthCheck: z
        .object({
          port: z.number().optional(),
          successThreshold: z.number().optional(),
          failureThreshold: z.number().optional(),
          periodSeconds: z.number().optional(),
          timeoutSeconds: z.number().optional(),
        })
        .optional(),
    })
    .prefault({}),
  status: z.object({ address: z.string().optional() }).prefault({}),
});

export type LoadBalancer = z.infer<typeof loadBalancerSchema>;

export const loadBalancerView: ResourceView<LoadBalancer> = {
  type: loadBalancers,
  schema: loadBalancerSchema,
};

/** What we look at of a Service on Harvester: whether it reserves an address, and which one it has. */
const serviceSchema = z.object({
  metadata: z
    .object({
      labels: z
        .object({
          [ownerUidLabel]: z.string().optional(),
          "loadbalancer.harvesterhci.io/servicelb": z.string().optional(),
        })
        .prefault({}),
      annotations: z.object({ "kube-vip.io/loadbalancerIPs": z.string().optional() }).prefault({}),
    })
    .prefault({}),
  spec: z
    .object({
      type: z.string().optional(),
      loadBalancerIP: z.string().optional(),
      ports: z
        .array(
          z.object({
            name: z.string().optional(),
            port: z.number(),
            protocol: z.string().default("TCP"),
            targetPort: z.union([z.string(), z.number()]).optional(),
          }),
        )
        .default([]),
    })
    .prefault({}),
  status: z
    .object({
      loadBalancer: z
        .object({ ingress: z.array(z.object({ ip: z.string().optional() })).default([]) })
        .prefault({}),
    })
    .prefault({}),
});

export type Service = z.infer<typeof serviceSchema>;

export const serviceView: ResourceView<Service> = { type: services, schema: serviceSchema };

/** The address a Service of type LoadBalancer has been given; undefined while it has none. */
export function ingressAddress(service: Service): string | undefined {
  return service.status.loadBalancer.ingress.map(({ ip }) => givenAddress(ip)).find((ip) => ip !== undefined);
}

/** The address, unless it is one of those that stand for none. */
export function givenAddress(address: string | undefined): string | undefined {
  return address === "" || address === "0.0.0.0" ? undefined : address;
}
