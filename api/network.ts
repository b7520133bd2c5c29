import * as z from "zod";

/** DNS servers and search domains, as they are written into the machine's network configuration. */
export const dnsServersSchema = z.array(z.string()).meta({
  description: "IP addresses of the DNS servers.",
  examples: [["10.50.0.2"]],
});

/** See {@link dnsServersSchema}. */
export const dnsSearchSchema = z.array(z.string()).meta({
  description: "DNS search domains.",
  examples: [["example.com"]],
});

/** An IPPool of Harvester to be created, given inline. */
export const ipPoolSchema = z.looseObject({
  vmNetwork: z.string().meta({
    description:
      "VM network of Harvester the addresses belong to, as `namespace/name` or `name` (then in the target namespace).",
    examples: ["default/vlan1"],
  }),
  subnet: z
    .string()
    .meta({ description: "Subnet of the addresses in CIDR notation.", examples: ["10.50.0.0/16"] }),
  gateway: z
    .string()
    .meta({ description: "IP address of the gateway; must lie in the subnet.", examples: ["10.50.0.1"] }),
  rangeStart: z
    .string()
    .meta({
      description: "First address that may be given out. Absent: the first of the subnet.",
      examples: ["10.50.0.10"],
    })
    .optional(),
  rangeEnd: z
    .string()
    .meta({
      description: "Last address that may be given out. Absent: the last of the subnet.",
      examples: ["10.50.0.99"],
    })
    .optional(),
});

export type InlineIPPool = z.infer<typeof ipPoolSchema>;

/**
 * Static addresses from pools. At the HarvesterCluster it holds for all machines, at a HarvesterMachine it overrides the
 * cluster's; the inline pool is allowed at the cluster only.
 */
export const vmNetworkConfigSchema = z.looseObject({
  ipPoolRefs: z
    .array(z.string())
    .meta({
      description:
        "Names of IPPools of Harvester, tried in this order: the next one when one is exhausted. A pool with `selector.network` serves only machines attached to that network. Wins over `ipPoolRef` when not empty.",
      examples: [["rack-1", "rack-2"]],
    })
    .optional(),
  ipPoolRef: z
    .string()
    .meta({
      description:
        "Name of one IPPool of Harvester. For an inline `ipPool` the name of the created pool is written here.",
      examples: ["demo-vms"],
    })
    .optional(),
  ipPool: ipPoolSchema
    .meta({
      description:
        "An IPPool to create on Harvester. At the HarvesterCluster only; not together with `ipPoolRef(s)`.",
    })
    .optional(),
  gateway: z.string().meta({
    description: "IP address of the gateway of the VM network.",
    examples: ["10.50.0.1"],
  }),
  subnetMask: z.string().meta({
    description: "Mask of the VM network in dotted form.",
    examples: ["255.255.0.0"],
  }),
  dnsServers: dnsServersSchema.optional(),
  dnsSearch: dnsSearchSchema.optional(),
});

export type VMNetworkConfig = z.infer<typeof vmNetworkConfigSchema>;

/** A pool of any IPAM provider, as `spec.poolRef` of an IPAddressClaim names it (Cluster API contract, IPAM provider). */
export const poolReferenceSchema = z.looseObject({
  apiGroup: z.string().meta({
    description: "API group of the pool's kind.",
    examples: ["ipam.cluster.x-k8s.io", "capfn.dev"],
    minLength: 1,
    maxLength: 253,
  }),
  kind: z.string().meta({
    description: "Kind of the pool.",
    examples: ["InClusterIPPool", "HarvesterIPPool"],
    minLength: 1,
    maxLength: 63,
  }),
  name: z.string().meta({
    description: "Name of the pool, in the namespace of the machine unless its kind has no namespaces.",
    examples: ["rack-1"],
    minLength: 1,
    maxLength: 253,
  }),
});

export type PoolReference = z.infer<typeof poolReferenceSchema>;

/**
 * Static addresses from IPAM providers: for each pool an IPAddressClaim is made, and all the addresses are the first interface's. Prefix and
 * gateway come with the address, so nothing here repeats them; that is why it stands beside `vmNetworkConfig`, which demands both, and not in it.
 */
export const ipamNetworkConfigSchema = z.looseObject({
  pools: z.array(poolReferenceSchema).meta({
    description:
      "Pools of IPAM providers. The machine gets one address of each, for its first interface; an IPv4 and an IPv6 pool give it both families.",
    minItems: 1,
    maxItems: 4,
  }),
  gateway: z
    .string()
    .meta({
      description: "IP address of the gateway, for addresses of its family that come without one.",
      examples: ["10.50.0.1"],
    })
    .optional(),
  dnsServers: dnsServersSchema.optional(),
  dnsSearch: dnsSearchSchema.optional(),
});

export type IpamNetworkConfig = z.infer<typeof ipamNetworkConfigSchema>;

/** `status.initialization` of the v1beta2 contract of Cluster API. */
export const initializationSchema = z
  .looseObject({
    provisioned: z
      .boolean()
      .meta({
        description:
          "Provisioning is complete. Read by Cluster API (contract v1beta2); once true it stays true.",
        examples: [true],
      })
      .optional(),
  })
  .meta({ description: "What the v1beta2 contract of Cluster API reads." });
