import type * as z from "zod";

import { infrastructureGroup, capfnGroup, type ServedVersion } from "#api/names.ts";

/** The API group of a kind with its versions. */
export interface ApiGroup {
  readonly name: string;
  /** Served versions, oldest first. */
  readonly served: readonly ServedVersion[];
  readonly stored: ServedVersion;
}

/**
 * `HarvesterCluster` and the like. The versions differ by fields nobody writes, so the API server converts by itself: no webhook in the
 * read path.
 */
export const infrastructureApi: ApiGroup = {
  name: infrastructureGroup,
  served: ["v1alpha1", "v1beta1"],
  stored: "v1beta1",
};

/** What is asked of capfn itself, beyond providing infrastructure. */
export const capfnApi: ApiGroup = { name: capfnGroup, served: ["v1alpha1"], stored: "v1alpha1" };

/** One column of `kubectl get` (Kubernetes documentation, "Additional printer columns"). */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "boolean" | "integer" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: 0 | 1;
}

/** What a CRD and its reference page say beyond the fields. */
export interface CustomResource {
  readonly group: ApiGroup;
  readonly kind: string;
  readonly plural: string;
  readonly description: string;
  readonly schema: z.ZodObject;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Status is a subresource of its own. Most templates have none. */
  readonly status: boolean;
  /** `clusterctl move` takes every object of the namespace along, though no owner leads to a Cluster. */
  readonly moved?: boolean;
  readonly columns: readonly PrinterColumn[];
}

export const ageColumn: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Time since creation",
  priority: 0,
};
