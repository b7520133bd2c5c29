import * as z from "zod";
import { schemaNode, type SchemaNode } from "#cli/contract-check/schema-path.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import { customResourceDefinitions } from "#platform/kube/resources.ts";

/** What a kind is to Cluster API. Told from the end of its name, as every provider has it. */
export type Role =
  | "cluster"
  | "clusterTemplate"
  | "machine"
  | "machineTemplate"
  | "remediation"
  | "remediationTemplate"
  | "other";

/** Contracts between core and providers, newest first. */
const contracts = ["v1beta2", "v1beta1"] as const;

export type ContractName = (typeof contracts)[number];

interface Version {
  readonly name: string;
  readonly served: boolean;
  readonly schema: SchemaNode | undefined;
  readonly statusSubresource: boolean;
}

/** A CustomResourceDefinition of the provider, as far as the contract speaks of it. */
export interface Definition {
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly scope: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly versions: readonly Version[];
  readonly role: Role;
  /** The newest contract it claims, and the version core reads it in; undefined when core can read it in none. */
  readonly contract: { readonly name: ContractName; readonly version: Version } | undefined;
}

const definitionSchema = z.object({
  metadata: z.object({
    name: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({
    group: z.string(),
    scope: z.string(),
    names: z.object({ kind: z.string(), plural: z.string(), listKind: z.string().default("") }),
    versions: z.array(
      z.object({
        name: z.string(),
        served: z.boolean(),
        schema: z.object({ openAPIV3Schema: schemaNode.optional() }).optional(),
        subresources: z.object({ status: z.unknown().optional() }).optional(),
      }),
    ),
  }),
});

/** Which definitions are the provider's. */
export interface ProviderChoice {
  /** Name without `infrastructure-`. */
  readonly provider: string;
  /** API group in which kinds are the provider's although they carry no label of any provider. */
  readonly group?: string | undefined;
  /** Kinds that are the provider's whatever their labels. */
  readonly kinds?: readonly string[] | undefined;
}

/**
 * The provider's definitions: those with its label, those named, and those of the same group without any provider's label whose kinds begin as
 * its cluster's does: a label that is missing is to be found, not overlooked. Sorted by name.
 *
 * @throws Error with the mend when there is none
 */
export async function findDefinitions(
  client: KubeReader,
  { provider, group, kinds = [] }: ProviderChoice,
): Promise<readonly Definition[]> {
  const all: Definition[] = [];
  for await (const object of client.list(customResourceDefinitions)) all.push(readDefinition(object));
  const label = `infrastructure-${provider}`;
  const named = all.filter(
    (each) => each.labels[PROVIDER_LABEL] === label || (kinds.includes(each.kind) && inGroup(each, group)),
  );
  const starts = named.flatMap((each) =>
    each.role === "cluster" ? [`${each.group}/${each.kind.slice(0, -"Cluster".length)}`] : [],
  );
  const found = all.filter(
    (each) =>
      named.includes(each) ||
      (each.labels[PROVIDER_LABEL] === undefined &&
        ((kinds.length === 0 && group !== undefined && each.group === group) ||
          starts.some((start) => `${each.group}/${each.kind}`.startsWith(start)))),
  );
  if (found.length > 0) return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  throw new Error(
    `no CustomResourceDefinition carries the label ${PROVIDER_LABEL}: ${label}; ` +
      `correct --provider${names(all)}, or name the kinds with --group and --kind`,
  );
}

export const PROVIDER_LABEL = "cluster.x-k8s.io/provider";

/** The kind as a resource, in the version core reads. */
export function typeOf({ group, kind, plural, contract, versions }: Definition): ResourceType {
  const version = contract?.version.name ?? versions.find(({ served }) => served)?.name ?? "v1";
  return { group, version, kind, plural, namespaced: true };
}

/** A definition as the API server has it. Throws when it is none. */
export function readDefinition(object: KubeObject): Definition {
  const { metadata, spec } = definitionSchema.parse(object);
  const versions = spec.versions.map(({ name, served, schema, subresources }) => ({
    name,
    served,
    schema: schema?.openAPIV3Schema,
    statusSubresource: subresources?.status !== undefined,
  }));
  const { kind, plural, listKind } = spec.names;
  const { group, scope } = spec;
  return {
    ...metadata,
    group,
    scope,
    kind,
    plural,
    listKind,
    versions,
    role: roleOf(kind),
    contract: contractOf(metadata.labels, versions),
  };
}

function contractOf(labels: Readonly<Record<string, string>>, versions: readonly Version[]) {
  for (const name of contracts) {
    const listed = labels[`cluster.x-k8s.io/${name}`]?.split("_") ?? [];
    // Core takes the last of those listed that is served.
    const version = listed
      .toReversed()
      .flatMap((each) => versions.filter((served) => served.name === each && served.served))[0];
    if (version !== undefined) return { name, version };
  }
  return undefined;
}

const roles: readonly (readonly [RegExp, Role])[] = [
  [/RemediationTemplate$/, "remediationTemplate"],
  [/Remediation$/, "remediation"],
  [/ClusterTemplate$/, "clusterTemplate"],
  [/PoolMachine(Template)?$/, "other"],
  [/MachineTemplate$/, "machineTemplate"],
  [/Machine$/, "machine"],
  [/Cluster$/, "cluster"],
];

function roleOf(kind: string): Role {
  return roles.find(([ending]) => ending.test(kind))?.[1] ?? "other";
}

function inGroup(definition: Definition, group: string | undefined): boolean {
  return group === undefined || definition.group === group;
}

function names(all: readonly Definition[]): string {
  const known = new Set(
    all.flatMap(({ labels }) => /^infrastructure-(.+)$/.exec(labels[PROVIDER_LABEL] ?? "")?.[1] ?? []),
  );
  return known.size === 0 ? "" : ` (installed: ${[...known].toSorted().join(", ")})`;
}
