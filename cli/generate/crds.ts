import { stringify } from "yaml";

import type { CustomResource } from "#api/custom-resource.ts";
import { customResources } from "#api/custom-resources.ts";
import { clusterctlLabel, clusterctlMoveLabel, providerLabel, type ServedVersion } from "#api/names.ts";
import { structuralSchema, type StructuralSchema } from "#cli/generate/structural-schema.ts";

/** A CustomResourceDefinition (`apiextensions.k8s.io/v1`) as plain JSON, ready to be applied. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: CustomResourceDefinitionSpec;
}

interface CustomResourceDefinitionSpec {
  readonly group: string;
  readonly names: Readonly<Record<string, unknown>>;
  readonly scope: "Namespaced";
  readonly conversion: { readonly strategy: "None" };
  readonly versions: readonly CustomResourceVersion[];
}

interface CustomResourceVersion {
  readonly name: ServedVersion;
  readonly served: true;
  readonly storage: boolean;
  readonly schema: { readonly openAPIV3Schema: StructuralSchema };
  readonly additionalPrinterColumns: readonly Readonly<Record<string, unknown>>[];
  readonly subresources?: { readonly status: Readonly<Record<string, never>> };
}

/** CRD manifests by path from the repository's root, one file a kind. */
export function generateCrds(): Map<string, string> {
  return new Map(
    customResources.map((resource) => {
      const definition = customResourceDefinition(resource);
      const body = stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false });
      return [
        `manifests/crds/${resource.group.name}_${resource.plural}.yaml`,
        `# Generated from the schemas in api/ by "capfn generate". Do not edit.\n${body}`,
      ];
    }),
  );
}

/** The CRD of one kind. */
export function customResourceDefinition(resource: CustomResource): CustomResourceDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${resource.plural}.${resource.group.name}`, labels: labelsOf(resource) },
    spec: {
      group: resource.group.name,
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: resource.kind.toLowerCase(),
        ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
        categories: resource.categories,
      },
      scope: "Namespaced",
      conversion: { strategy: "None" },
      versions: resource.group.served.map((version) => renderVersion(resource, version)),
    },
  };
}

/**
 * Cluster API reads an object in the last listed version that is served: the stored one, so nothing is converted for it (contract
 * of Cluster API, "API version labels"). Both contracts are met by the same status.
 */
function labelsOf({ group, moved = false }: CustomResource): Record<string, string> {
  const versions = group.served.join("_");
  return {
    [providerLabel.name]: providerLabel.value,
    [clusterctlLabel]: "",
    ...(moved ? { [clusterctlMoveLabel]: "" } : {}),
    "cluster.x-k8s.io/v1beta1": versions,
    "cluster.x-k8s.io/v1beta2": versions,
  };
}

function renderVersion(resource: CustomResource, version: ServedVersion): CustomResourceVersion {
  return {
    name: version,
    served: true,
    storage: version === resource.group.stored,
    additionalPrinterColumns: resource.columns.map(({ priority, ...column }) => ({
      ...column,
      ...(priority > 0 ? { priority } : {}),
    })),
    schema: { openAPIV3Schema: rootSchema(resource, version) },
    ...(resource.status ? { subresources: { status: {} } } : {}),
  };
}

function rootSchema(resource: CustomResource, version: ServedVersion): StructuralSchema {
  const { properties = {}, required = [] } = structuralSchema(resource.schema, { version });
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...own } = properties;
  const ownRequired = required.filter((name) => name in own);
  return {
    description: resource.description,
    type: "object",
    properties: {
      apiVersion: { description: "Group and version of this representation of the object.", type: "string" },
      kind: { description: "Kind of the object.", type: "string" },
      metadata: { type: "object" },
      ...own,
    },
    ...(ownRequired.length > 0 ? { required: ownRequired } : {}),
  };
}
