import { ageColumn, capfnApi, type CustomResource, type PrinterColumn } from "#api/custom-resource.ts";
import { machineRemediationSchema, machineRemediationTemplateSchema } from "#api/machine-remediation.ts";
import { remediationRequestSchema } from "#api/remediation-request.ts";

const clusterColumn: PrinterColumn = {
  name: "Cluster",
  type: "string",
  jsonPath: ".status.target.cluster",
  description: "Cluster of the machine",
  priority: 1,
};

const progressColumns: readonly PrinterColumn[] = [
  {
    name: "Phase",
    type: "string",
    jsonPath: ".status.phase",
    description: "Where the remediation is",
    priority: 0,
  },
  {
    name: "Step",
    type: "string",
    jsonPath: ".status.steps[-1:].name",
    description: "The last step taken",
    priority: 0,
  },
  {
    name: "Why",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="RemediationAllowed")].reason',
    description: "What allows it, or holds it",
    priority: 0,
  },
  ageColumn,
];

const remediationRequest: CustomResource = {
  group: capfnApi,
  kind: "RemediationRequest",
  plural: "remediationrequests",
  description: "RemediationRequest says that a machine is unwell: an alert that fires, or somebody who asks.",
  schema: remediationRequestSchema,
  shortNames: ["remreq"],
  categories: ["cluster-api"],
  status: true,
  columns: [
    {
      name: "Alert",
      type: "string",
      jsonPath: ".spec.alert.name",
      description: "Name of the alert that asks",
      priority: 0,
    },
    {
      name: "Machine",
      type: "string",
      jsonPath: ".status.target.machine",
      description: "Machine that is meant",
      priority: 0,
    },
    clusterColumn,
    ...progressColumns,
  ],
};

const machineRemediation: CustomResource = {
  group: capfnApi,
  kind: "MachineRemediation",
  plural: "machineremediations",
  description:
    "MachineRemediation is what a MachineHealthCheck makes for a Machine it finds unhealthy: external remediation.",
  schema: machineRemediationSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: true,
  columns: [clusterColumn, ...progressColumns],
};

const machineRemediationTemplate: CustomResource = {
  group: capfnApi,
  kind: "MachineRemediationTemplate",
  plural: "machineremediationtemplates",
  description: "MachineRemediationTemplate is what MachineHealthChecks make MachineRemediations from.",
  schema: machineRemediationTemplateSchema,
  shortNames: [],
  categories: ["cluster-api"],
  status: false,
  // Only the name in a MachineHealthCheck leads to it.
  moved: true,
  columns: [ageColumn],
};

/** The kinds of the group `capfn.dev` about unhealthy machines, all Namespaced. */
export const remediationResources: readonly CustomResource[] = [
  machineRemediation,
  machineRemediationTemplate,
  remediationRequest,
];
