import { ageColumn, capfnApi, type CustomResource } from "#api/custom-resource.ts";
import { harvesterIpPoolSchema } from "#api/harvester-ip-pool.ts";

const harvesterIpPool: CustomResource = {
  group: capfnApi,
  kind: "HarvesterIPPool",
  plural: "harvesterippools",
  description:
    "HarvesterIPPool serves IPAddressClaims of Cluster API (`ipam.cluster.x-k8s.io`) with addresses of an IPPool of Harvester.",
  schema: harvesterIpPoolSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: true,
  columns: [
    {
      name: "IPPool",
      type: "string",
      jsonPath: ".spec.ipPool",
      description: "IPPool on Harvester",
      priority: 0,
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      description: "Addresses can be given out",
      priority: 0,
    },
    {
      name: "Why",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      description: "Why not",
      priority: 1,
    },
    ageColumn,
  ],
};

/** The kind of the group `capfn.dev` by which capfn is an IPAM provider of Cluster API. */
export const ipamResources: readonly CustomResource[] = [harvesterIpPool];
