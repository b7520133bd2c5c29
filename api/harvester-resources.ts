import {
  ageColumn,
  infrastructureApi,
  type CustomResource,
  type PrinterColumn,
} from "#api/custom-resource.ts";
import { harvesterClusterTemplateSchema } from "#api/harvester-cluster-template.ts";
import { harvesterClusterSchema } from "#api/harvester-cluster.ts";
import { harvesterMachineTemplateSchema } from "#api/harvester-machine-template.ts";
import { harvesterMachineSchema } from "#api/harvester-machine.ts";

const clusterColumn: PrinterColumn = {
  name: "Cluster",
  type: "string",
  jsonPath: ".metadata.labels['cluster\\.x-k8s\\.io/cluster-name']",
  description: "Cluster the object belongs to",
  priority: 0,
};

const readyColumn: PrinterColumn = {
  name: "Ready",
  type: "string",
  jsonPath: ".status.ready",
  description: "Provisioning is complete",
  priority: 0,
};

const harvesterCluster: CustomResource = {
  group: infrastructureApi,
  kind: "HarvesterCluster",
  plural: "harvesterclusters",
  description:
    "HarvesterCluster is the infrastructure of one Cluster on Harvester: connection, networks, load balancer.",
  schema: harvesterClusterSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: true,
  columns: [
    readyColumn,
    {
      name: "Server",
      type: "string",
      jsonPath: ".spec.server",
      description: "URL of Harvester's API server",
      priority: 0,
    },
    {
      name: "ControlPlaneEndpoint",
      type: "string",
      jsonPath: ".spec.controlPlaneEndpoint.host",
      description: "Host of the workload cluster's API server",
      priority: 1,
    },
    ageColumn,
  ],
};

const harvesterMachine: CustomResource = {
  group: infrastructureApi,
  kind: "HarvesterMachine",
  plural: "harvestermachines",
  description: "HarvesterMachine is one VM on Harvester that is, or becomes, a node of a workload cluster.",
  schema: harvesterMachineSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: true,
  columns: [
    clusterColumn,
    {
      name: "Machine",
      type: "string",
      jsonPath: '.metadata.ownerReferences[?(@.kind=="Machine")].name',
      description: "Machine that owns the object",
      priority: 0,
    },
    readyColumn,
    {
      name: "Address",
      type: "string",
      jsonPath: '.status.addresses[?(@.type=="ExternalIP")].address',
      description: "Address of the machine",
      priority: 0,
    },
    {
      name: "State",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="VMProvisioningReady")].reason',
      description: "How far the VM is",
      priority: 0,
    },
    {
      name: "ProviderID",
      type: "string",
      jsonPath: ".spec.providerID",
      description: "Identity of the VM, equal to that of the Node",
      priority: 1,
    },
    {
      name: "FailureDomain",
      type: "string",
      jsonPath: ".status.failureDomain",
      description: "Failure domain the VM was placed in",
      priority: 1,
    },
    ageColumn,
  ],
};

const harvesterMachineTemplate: CustomResource = {
  group: infrastructureApi,
  kind: "HarvesterMachineTemplate",
  plural: "harvestermachinetemplates",
  description:
    "HarvesterMachineTemplate is what HarvesterMachines of a control plane or a MachineDeployment are made from.",
  schema: harvesterMachineTemplateSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: true,
  columns: [ageColumn],
};

const harvesterClusterTemplate: CustomResource = {
  group: infrastructureApi,
  kind: "HarvesterClusterTemplate",
  plural: "harvesterclustertemplates",
  description:
    "HarvesterClusterTemplate is what the HarvesterCluster of a Cluster with a ClusterClass is made from.",
  schema: harvesterClusterTemplateSchema,
  shortNames: ["hvct"],
  categories: ["cluster-api"],
  status: false,
  columns: [ageColumn],
};

/** The four kinds of the group `infrastructure.cluster.x-k8s.io`, all Namespaced. */
export const harvesterResources: readonly CustomResource[] = [
  harvesterCluster,
  harvesterClusterTemplate,
  harvesterMachine,
  harvesterMachineTemplate,
];
