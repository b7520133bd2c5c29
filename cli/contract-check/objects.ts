import { clausesOf } from "#cli/contract-check/clauses.ts";
import { typeOf, type Definition } from "#cli/contract-check/definitions.ts";
import { readInfra, type InfraObject } from "#cli/contract-check/infra-object.ts";
import { objectVerdicts, uniqueVerdicts, type ObjectInScope } from "#cli/contract-check/object-rules.ts";
import { notLookedAt, type Verdict } from "#cli/contract-check/verdict.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { ResourceType } from "#platform/kube/resource.ts";
import { clusters, machines } from "#platform/kube/resources.ts";

/** What is true of the objects that are there. Reads only; of Secrets nothing. */
export async function liveVerdicts(
  client: KubeReader,
  definitions: readonly Definition[],
): Promise<readonly Verdict[]> {
  try {
    const found = await scopes(client, definitions);
    const verdicts = [
      ...found.flatMap(objectVerdicts),
      ...uniqueVerdicts(found.filter(({ role }) => role === "machine")),
    ];
    const seen = new Set(verdicts.map(({ clause }) => clause));
    return [
      ...verdicts,
      ...clausesOf("objects")
        .filter((clause) => !seen.has(clause))
        .map((clause) => notLookedAt(clause, "", "there is no object it is about")),
    ];
  } catch (error) {
    if (!isKubeError(error, "forbidden") && !isNotServed(error)) throw error;
    const why = isNotServed(error)
      ? "Cluster API core v1.11 or newer is not installed: cluster.x-k8s.io/v1beta2 is not served"
      : "this account may not list the objects";
    return clausesOf("objects").map((clause) => notLookedAt(clause, "", why));
  }
}

async function scopes(client: KubeReader, definitions: readonly Definition[]): Promise<ObjectInScope[]> {
  const allClusters = await everything(client, clusters);
  const allMachines = await everything(client, machines);
  const found: ObjectInScope[] = [];
  for (const definition of definitions) {
    const { role, kind } = definition;
    if (role !== "cluster" && role !== "machine") continue;
    for (const own of (await everything(client, typeOf(definition))).values()) {
      const owner = ownerOf(own, role === "cluster" ? allClusters : allMachines, role);
      const name = own.metadata.labels?.["cluster.x-k8s.io/cluster-name"] ?? owner?.spec.clusterName;
      const cluster = role === "cluster" ? owner : allClusters.get(keyOf(own, name ?? ""));
      found.push({ kind, role, own, owner, cluster });
    }
  }
  return found;
}

function ownerOf(own: InfraObject, all: ReadonlyMap<string, InfraObject>, role: "cluster" | "machine") {
  const kind = role === "cluster" ? "Cluster" : "Machine";
  const reference = (own.metadata.ownerReferences ?? []).find((each) => each.kind === kind);
  return reference === undefined ? undefined : all.get(keyOf(own, reference.name));
}

/** By namespace and name. */
async function everything(client: KubeReader, type: ResourceType): Promise<Map<string, InfraObject>> {
  const found = new Map<string, InfraObject>();
  for await (const object of client.list(type)) {
    const read = readInfra(object);
    found.set(keyOf(read, read.metadata.name), read);
  }
  return found;
}

function keyOf({ metadata }: Pick<InfraObject, "metadata">, name: string): string {
  return `${metadata.namespace ?? ""}/${name}`;
}

function isNotServed(error: unknown): boolean {
  return isKubeError(error, "unavailable") && error.detail === "notServed";
}
