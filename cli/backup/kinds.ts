import * as z from "zod";
import { capfnGroup } from "#api/names.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { customResourceDefinitions } from "#platform/kube/resources.ts";

/** A kind that is backed up, and the file its objects go to. */
export interface BackedUpKind {
  readonly type: ResourceType;
  /** `<plural>.yaml`, as the Go tool calls it; with the group when two kinds have one plural. */
  readonly file: string;
  /** It says what is installed. Kept for reference: to create it would start providers. */
  readonly installs: boolean;
}

const definitionSchema = z.looseObject({
  spec: z.looseObject({
    group: z.string(),
    scope: z.string(),
    names: z.looseObject({ kind: z.string(), plural: z.string() }),
    versions: z.array(z.looseObject({ name: z.string(), served: z.boolean(), storage: z.boolean() })),
  }),
});

/** Groups of Cluster API, its providers and add-ons, of Turtles, and ours. */
function isOfInterest(group: string): boolean {
  return group.endsWith("cluster.x-k8s.io") || group === capfnGroup || group === "turtles-capi.cattle.io";
}

const installing = new Set([
  "clusterctl.cluster.x-k8s.io",
  "operator.cluster.x-k8s.io",
  "runtime.cluster.x-k8s.io",
  "turtles-capi.cattle.io",
]);

/**
 * The kinds of Cluster API and its providers that the API server serves, in the version it stores. Asked of the API server, so that whichever
 * bootstrap and control plane providers are installed are in, and kinds that are missing are no error.
 */
export async function backedUpKinds(client: Pick<KubeReader, "list">): Promise<BackedUpKind[]> {
  const types: ResourceType[] = [];
  for await (const object of client.list(customResourceDefinitions)) {
    const { spec } = definitionSchema.parse(object);
    const version =
      spec.versions.find(({ storage }) => storage) ?? spec.versions.find(({ served }) => served);
    if (version?.served !== true || !isOfInterest(spec.group)) continue;
    const { kind, plural } = spec.names;
    types.push({
      group: spec.group,
      version: version.name,
      kind,
      plural,
      namespaced: spec.scope === "Namespaced",
    });
  }
  return types
    .map((type) => {
      const isOnly = types.filter(({ plural }) => plural === type.plural).length === 1;
      const file = isOnly ? `${type.plural}.yaml` : `${type.plural}.${type.group}.yaml`;
      return { type, file, installs: installing.has(type.group) };
    })
    .toSorted((a, b) => a.file.localeCompare(b.file));
}
