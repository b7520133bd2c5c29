import * as z from "zod";

import { conditionsSchema } from "#api/condition.ts";
import { deadFailureFields } from "#api/dead-fields.ts";
import {
  initializationSchema,
  ipamNetworkConfigSchema,
  ipPoolSchema,
  vmNetworkConfigSchema,
} from "#api/network.ts";
import { namespacedMetaSchema } from "#api/object-meta.ts";

/** One port the load balancer forwards besides that of the API server. */
export const listenerSchema = z
  .looseObject({
    name: z
      .string()
      .meta({ description: "Name of the listener, unique in the list.", examples: ["rke2-join"] }),
    port: z.int32().meta({ description: "Port the load balancer listens on.", examples: [9345] }),
    protocol: z.enum(["TCP", "UDP"]).meta({ description: "Protocol that is forwarded.", examples: ["TCP"] }),
    backendPort: z
      .int32()
      .meta({ description: "Port of the machines that is forwarded to.", examples: [9345] }),
  })
  .meta({ description: "One more port to forward." });

export type Listener = z.infer<typeof listenerSchema>;

/** How the control plane endpoint gets its address and what is forwarded to the control plane machines. */
export const loadBalancerConfigSchema = z.looseObject({
  ipamType: z.enum(["dhcp", "pool"]).meta({
    description:
      "Where the address of the load balancer comes from: `dhcp`, or `pool` with `ipPoolRef` or `ipPool`.",
    examples: ["dhcp"],
  }),
  ipPoolRef: z
    .string()
    .meta({
      description:
        "Name of an IPPool of Harvester. For an inline `ipPool` the name of the created pool is written here.",
      examples: ["load-balancers"],
    })
    .optional(),
  ipPool: ipPoolSchema
    .meta({ description: "An IPPool to create on Harvester; not together with `ipPoolRef`." })
    .optional(),
  listeners: z
    .array(listenerSchema)
    .meta({ description: "Ports to forward besides that of the API server." })
    .optional(),
  description: z
    .string()
    .meta({ description: "Description of the load balancer, for people.", examples: ["API of demo"] })
    .optional(),
});

export type LoadBalancerConfig = z.infer<typeof loadBalancerConfigSchema>;

/** Address of the workload cluster's API server (contract of Cluster API, InfraCluster: control plane endpoint). */
export const controlPlaneEndpointSchema = z.looseObject({
  host: z
    .string()
    .meta({
      description: "Host name or IP address of the API server.",
      examples: ["10.60.138.93"],
      minLength: 1,
      maxLength: 512,
    })
    .optional(),
  port: z
    .int32()
    .meta({
      description: "Port of the API server.",
      examples: [6443],
      format: "int32",
      minimum: 1,
      maximum: 65535,
    })
    .optional(),
});

export type ControlPlaneEndpoint = z.infer<typeof controlPlaneEndpointSchema>;

const cloudProviderConfigSchema = z.looseObject({
  manifestsConfigMapNamespace: z
    .string()
    .meta({ description: "Namespace of the ConfigMap.", examples: ["demo"] }),
  manifestsConfigMapName: z.string().meta({
    description: "ConfigMap with the manifests of the cloud provider, used by a ClusterResourceSet.",
    examples: ["harvester-cloud-provider"],
  }),
  manifestsConfigMapKey: z.string().meta({
    description: "Key of the ConfigMap that holds the manifests.",
    examples: ["harvester-cloud-provider-deploy.yaml"],
  }),
  cloudConfigCredentialsSecretName: z.string().meta({
    description: "Secret among the manifests that gets the credentials.",
    examples: ["cloud-config"],
  }),
  cloudConfigCredentialsSecretKey: z.string().meta({
    description: "Key of that Secret that gets the kubeconfig.",
    examples: ["cloud-config"],
  }),
});

/** `HarvesterCluster.spec`, and what a HarvesterClusterTemplate holds. */
export const harvesterClusterSpecSchema = z.looseObject({
  server: z
    .string()
    .meta({
      description:
        "Written by capfn: URL of Harvester's API server, from the current context of the identity kubeconfig.",
      examples: ["https://harvester.example.com:6443"],
    })
    .optional(),
  identitySecret: z
    .looseObject({
      namespace: z.string().meta({ description: "Namespace of the Secret.", examples: ["demo"] }),
      name: z.string().meta({
        description: "Name of the Secret.",
        examples: ["harvester-identity"],
      }),
    })
    .meta({ description: "Secret with the kubeconfig of Harvester under the key `kubeconfig`." }),
  loadBalancerConfig: loadBalancerConfigSchema.meta({
    description: "The load balancer in front of the control plane.",
  }),
  controlPlaneEndpoint: controlPlaneEndpointSchema
    .meta({
      description:
        "Address of the workload cluster's API server. Written by capfn once the load balancer has an address.",
      minProperties: 1,
    })
    .optional(),
  targetNamespace: z.string().meta({
    description: "Namespace on Harvester for VMs, disks, Secrets and load balancer. Created when absent.",
    examples: ["demo"],
  }),
  updateCloudProviderConfig: cloudProviderConfigSchema
    .meta({
      description:
        "When given, credentials for Harvester's cloud provider are made and put into its manifests.",
    })
    .optional(),
  failureDomainSource: z
    .enum(["Zones", "ZonesOrHosts"])
    .meta({
      description:
        "What is published as failure domains. `Zones`, the default: the zones of Harvester's hosts, none unless every host has one. `ZonesOrHosts`: without zones each host is one, so that control plane machines are spread over hosts.",
      examples: ["Zones"],
    })
    .optional(),
  vmNetworkConfig: vmNetworkConfigSchema
    .meta({ description: "Static addresses from pools for the machines. Absent: DHCP." })
    .optional(),
  ipamNetworkConfig: ipamNetworkConfigSchema
    .meta({
      description:
        "Static addresses from IPAM providers for the machines. Wins over the cluster's `vmNetworkConfig`.",
      addition: true,
    })
    .optional(),
});

export type HarvesterClusterSpec = z.infer<typeof harvesterClusterSpecSchema>;

/** A place whose failure does not take down the others (contract of Cluster API, InfraCluster: failure domains). */
export const failureDomainSchema = z
  .looseObject({
    name: z.string().meta({
      description: "Name of the failure domain: a zone, or a host.",
      examples: ["zone-a"],
      minLength: 1,
      maxLength: 256,
    }),
    controlPlane: z
      .boolean()
      .meta({ description: "Control plane machines may be placed there.", examples: [true] })
      .optional(),
    attributes: z
      .record(z.string(), z.string())
      .meta({
        description: "`topologyKey`: the label of Harvester's hosts whose value is the name.",
        examples: [{ topologyKey: "topology.kubernetes.io/zone" }],
      })
      .optional(),
  })
  .meta({ description: "One failure domain." });

export type FailureDomain = z.infer<typeof failureDomainSchema>;

/** `HarvesterCluster.status`. All of it can be rebuilt from the spec and from Harvester. */
export const harvesterClusterStatusSchema = z.looseObject({
  ready: z
    .boolean()
    .meta({
      description: "Provisioning is complete. Read by Cluster API (contract v1beta1).",
      examples: [true],
    })
    .optional(),
  initialization: initializationSchema.optional(),
  conditions: conditionsSchema.optional(),
  failureDomains: z
    .array(failureDomainSchema)
    .meta({
      description: "Failure domains of the Harvester cluster.",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    })
    .optional(),
  ...deadFailureFields,
});

export type HarvesterClusterStatus = z.infer<typeof harvesterClusterStatusSchema>;

/** A HarvesterCluster as the API server answers, in any served version. Unknown fields are kept. */
export const harvesterClusterSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal("HarvesterCluster"),
  metadata: namespacedMetaSchema,
  spec: harvesterClusterSpecSchema.meta({ description: "The infrastructure wanted." }),
  status: harvesterClusterStatusSchema.meta({ description: "The infrastructure observed." }).optional(),
});

export type HarvesterCluster = z.infer<typeof harvesterClusterSchema>;
