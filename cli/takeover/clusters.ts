import * as z from "zod";
import { clusterNameLabel } from "#api/names.ts";
import { listIfServed } from "#cli/backup/list-if-served.ts";
import { clusterFinding, machineFindings, type ClusterAsFound } from "#cli/takeover/machines.ts";
import { ownIds, poolFinding, renameHolders, type Holders } from "#cli/takeover/pools.ts";
import type { Identity } from "#cli/takeover/connections.ts";
import type { Direction, Finding, Part, Step, TakeoverWorld } from "#cli/takeover/report.ts";
import { KubeconfigError } from "#platform/kube/kubeconfig.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
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

/** Every cluster with its machines, and on each Harvester the VMs and pools; one that does not answer is named and blocks. */
export async function surveyClusters(
  { management, connections }: Pick<TakeoverWorld, "management" | "connections">,
  direction: Direction,
): Promise<Part> {
  const findings: Finding[] = [];
  const steps: Step[] = [];
  const all = await listIfServed(management, harvesterMachines);
  const holders = new Set(all.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`));
  const asked = new Map<string, Identity>();
  for (const cluster of await listIfServed(management, harvesterClusters)) {
    const { spec } = clusterSchema.parse(cluster);
    const { namespace, name } = spec.identitySecret;
    const about = `HarvesterCluster ${cluster.metadata.namespace ?? ""}/${cluster.metadata.name}`;
    try {
      const harvester = await connections.harvester({ namespace, name });
      const vms = new Map<string, KubeObject>();
      for await (const vm of harvester.list(virtualMachines, { namespace: spec.targetNamespace }))
        vms.set(vm.metadata.name, vm);
      for await (const { metadata } of harvester.list(loadBalancers, { namespace: spec.targetNamespace }))
        holders.add(`${metadata.namespace ?? ""}/${metadata.name}`);
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
  const secret = `identity Secret ${namespace}/${name}`;
  if (error instanceof KubeconfigError) return `${secret}: ${error.message}`;
  if (isKubeError(error))
    return `its Harvester does not answer (${error.reason}); check ${secret} and the way there`;
  if (error instanceof Error && error.message.startsWith("identity Secret")) return error.message;
  throw error;
}
