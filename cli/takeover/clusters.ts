import * as z from "zod";
import { clusterNameLabel } from "#api/names.ts";
import { listIfServed } from "#cli/backup/list-if-served.ts";
import { clusterFinding, machineFindings, type ClusterAsFound } from "#cli/takeover/machines.ts";
import { ownIds, poolFinding, renameHolders, type Holders } from "#cli/takeover/pools.ts";
import type { Identity } from "#cli/takeover/connections.ts";
import type { Direction, Finding, Part, Step, TakeoverWorld } from "#cli/takeover/report.ts";
import { IDENTITY_ANNOTATION } from "#platform/cluster-api/harvester-machine.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, ResourceType } from "#platform/kube/resource.ts";
import {
  harvesterClusters,
  harvesterMachines,
  ipPools,
  loadBalancers,
  virtualMachines,
} from "#platform/kube/resources.ts";

const clusterSchema = z.looseObject({
  spec: z.looseObject({
    identitySecret: z.looseObject({ namespace: z.string(), name: z.string() }),
    targetNamespace: z.string(),
  }),
});

/** Versions by the plural of a kind. */
type Versions = ReadonlyMap<string, string>;

/**
 * Every cluster with its machines, and on each Harvester the VMs and pools; one that does not answer is named and blocks. The objects are read in the
 * version they are stored in: a webhook that converted them may be gone already.
 */
export async function surveyClusters(
  world: Pick<TakeoverWorld, "management" | "connections">,
  direction: Direction,
  stored: Versions,
): Promise<Part> {
  const objects = await readObjects(world.management, stored);
  if (objects !== undefined) return surveyObjects(world, direction, objects);
  const message =
    "cannot be read, because some are stored in a version that only a webhook converts; run this again after the steps";
  return { findings: [{ about: "clusters and machines", state: "note", message }], steps: [] };
}

interface Objects {
  readonly machines: readonly KubeObject[];
  readonly clusters: readonly KubeObject[];
}

async function readObjects(
  management: TakeoverWorld["management"],
  stored: Versions,
): Promise<Objects | undefined> {
  const inStoredVersion = (type: ResourceType): ResourceType => ({
    ...type,
    version: stored.get(type.plural) ?? type.version,
  });
  try {
    const machines = await listIfServed(management, inStoredVersion(harvesterMachines));
    const clusters = await listIfServed(management, inStoredVersion(harvesterClusters));
    return { machines, clusters };
  } catch (error) {
    if (!isKubeError(error) || error.status !== SERVER_FAULT) throw error;
    return undefined;
  }
}

/** What an API server answers when a webhook that has to convert an object does not. */
const SERVER_FAULT = 500;

async function surveyObjects(
  { connections }: Pick<TakeoverWorld, "connections">,
  direction: Direction,
  { machines: all, clusters }: Objects,
): Promise<Part> {
  const findings: Finding[] = [];
  const steps: Step[] = [];
  const loadBalancersThere = new Set<string>();
  const holders: Holders = {
    machines: new Map(all.map((machine) => [placeOf(machine), identityIn(machine)])),
    loadBalancers: loadBalancersThere,
  };
  const asked = new Map<string, Identity>();
  for (const cluster of clusters) {
    const { spec } = clusterSchema.parse(cluster);
    const { namespace, name } = spec.identitySecret;
    const about = `HarvesterCluster ${cluster.metadata.namespace ?? ""}/${cluster.metadata.name}`;
    try {
      const harvester = await connections.harvester({ namespace, name });
      const vms = new Map<string, KubeObject>();
      for await (const vm of harvester.list(virtualMachines, { namespace: spec.targetNamespace }))
        vms.set(vm.metadata.name, vm);
      for await (const each of harvester.list(loadBalancers, { namespace: spec.targetNamespace }))
        loadBalancersThere.add(placeOf(each));
      const found: ClusterAsFound = { cluster, machines: machinesOf(cluster, all), vms };
      findings.push(clusterFinding(found), ...(direction === "capfn" ? machineFindings(found) : []));
      asked.set(`${namespace}/${name}`, { namespace, name });
    } catch (error) {
      findings.push({ about, state: "blocks", message: whyNot(error, { namespace, name }) });
    }
  }
  for (const identity of asked.values()) {
    const part = await surveyPools({ connections }, { identity, holders, direction });
    findings.push(...part.findings);
    steps.push(...part.steps);
  }
  return { findings, steps };
}

function placeOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

/** As the holder ids in an IPPool say it: kept in the annotation by a move or a restore, otherwise the uid. */
function identityIn({ metadata }: KubeObject): string {
  return metadata.annotations?.[IDENTITY_ANNOTATION] ?? metadata.uid;
}

async function surveyPools(
  { connections }: Pick<TakeoverWorld, "connections">,
  { identity, holders, direction }: { identity: Identity; holders: Holders; direction: Direction },
): Promise<Part> {
  const findings: Finding[] = [];
  const steps: Step[] = [];
  const harvester = await connections.harvester(identity);
  for await (const pool of harvester.list(ipPools)) {
    findings.push(poolFinding(pool, identity, holders));
    if (direction === "caphv" && Object.keys(ownIds(pool, identity, holders)).length > 0)
      steps.push(renameHolders(identity, pool.metadata.name, holders));
  }
  return { findings, steps };
}

/** Machines of the cluster by the label Cluster API puts on them; the infrastructure cluster may have another name than the Cluster. */
function machinesOf({ metadata }: KubeObject, machines: readonly KubeObject[]): KubeObject[] {
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === "Cluster")?.name;
  const name = owner ?? metadata.labels?.[clusterNameLabel] ?? metadata.name;
  return machines.filter(
    (machine) =>
      machine.metadata.namespace === metadata.namespace &&
      machine.metadata.labels?.[clusterNameLabel] === name,
  );
}

/** No text of a server and no content of a Secret. */
function whyNot(error: unknown, { namespace, name }: Identity): string {
  if (error instanceof KubeconfigError) return error.message;
  if (isKubeError(error))
    return `its Harvester does not answer (${error.reason}); check identity Secret ${namespace}/${name} and the way there`;
  throw error;
}
