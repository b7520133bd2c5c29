import type { CustomResource } from "#api/custom-resource.ts";
import { eventResources } from "#api/event-resources.ts";
import { harvesterResources } from "#api/harvester-resources.ts";
import { ipamResources } from "#api/ipam-resources.ts";
import { remediationResources } from "#api/remediation-resources.ts";

/** Every kind there is; CRDs and reference pages are rendered from it. */
export const customResources: readonly CustomResource[] = [
  ...harvesterResources,
  ...ipamResources,
  ...remediationResources,
  ...eventResources,
];
