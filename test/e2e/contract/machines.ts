import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import { clusters, machines } from "#platform/kube/resources.ts";
import { NAMESPACE, type ClusterPlan } from "#test/e2e/contract/names.ts";
import { until } from "#test/e2e/until.ts";

/** Creations and deletions of several machines, when many others use this machine too. */
const SETTLES_MS = 240_000;

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
  message: z.string().default(""),
});

const statedSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.looseObject({ version: z.string().optional(), providerID: z.string().optional() }).prefault({}),
  status: z
    .looseObject({
      nodeRef: z.looseObject({ name: z.string() }).optional(),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
});

type Stated = z.infer<typeof statedSchema>;

/** A Machine as Cluster API sees it. */
export interface SeenMachine {
  readonly name: string;
  readonly uid: string;
  readonly controlPlane: boolean;
  readonly version: string;
  readonly providerID: string;
  readonly node: string | undefined;
  readonly deleting: boolean;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Its Node is ready, and it is not being deleted. Ready follows with the next look of its controllers. */
  readonly serving: boolean;
}

/** Reads a Machine of Cluster API v1beta2. */
export function seenMachine(object: unknown): SeenMachine & { readonly cluster: string } {
  const { metadata, spec, status } = statedSchema.parse(object);
  return {
    name: metadata.name,
    uid: metadata.uid,
    cluster: metadata.labels["cluster.x-k8s.io/cluster-name"] ?? "",
    controlPlane: "cluster.x-k8s.io/control-plane" in metadata.labels,
    version: spec.version ?? "",
    providerID: spec.providerID ?? "",
    node: status.nodeRef?.name,
    deleting: metadata.deletionTimestamp !== undefined,
    ready: metadata.deletionTimestamp === undefined && isTrue({ status }, "Ready"),
    serving: metadata.deletionTimestamp === undefined && isTrue({ status }, "NodeReady"),
  };
}

/** The Machines of a cluster, by name. */
export async function machinesOf(client: KubeClient, cluster: string): Promise<SeenMachine[]> {
  const found: SeenMachine[] = [];
  for await (const object of client.list(machines, {
    namespace: NAMESPACE,
    labelSelector: `cluster.x-k8s.io/cluster-name=${cluster}`,
  }))
    found.push(seenMachine(object));
  return found.toSorted((a, b) => a.name.localeCompare(b.name));
}

type Wanted = Pick<ClusterPlan, "name" | "controlPlanes" | "workers"> & { readonly version?: string };

/** Resolves when the cluster has just these machines, all are ready and have this version, and Cluster API calls the cluster available. */
export async function untilAvailable(client: KubeClient, wanted: Wanted): Promise<SeenMachine[]> {
  const { name, controlPlanes, workers, version } = wanted;
  const look = async (): Promise<SeenMachine[] | undefined> => {
    const found = await machinesOf(client, name);
    const count = found.filter(({ controlPlane }) => controlPlane).length;
    const settled =
      count === controlPlanes &&
      found.length - count === workers &&
      found.every((each) => each.ready && (version === undefined || each.version === version));
    if (!settled) return undefined;
    const cluster = statedSchema.parse(await client.get(clusters, { namespace: NAMESPACE, name }));
    return isTrue(cluster, "Available") ? found : undefined;
  };
  const what = `${name} is available with ${controlPlanes} control plane machines and ${workers} workers${version === undefined ? "" : ` of ${version}`}`;
  return until(what, look, SETTLES_MS, () => trouble(client, name));
}

function isTrue({ status }: Pick<Stated, "status">, type: string): boolean {
  return status.conditions.some((each) => each.type === type && each.status === "True");
}

/** What conditions say is not as it should be, of the cluster and its machines. */
async function trouble(client: KubeClient, cluster: string): Promise<string> {
  const found: unknown[] = [await client.get(clusters, { namespace: NAMESPACE, name: cluster })];
  for await (const object of client.list(machines, { namespace: NAMESPACE })) found.push(object);
  const lines = found
    .filter((each) => each !== undefined)
    .flatMap((each) => {
      const { metadata, status } = statedSchema.parse(each);
      return status.conditions
        .filter((condition) => ["Available", "Ready"].includes(condition.type) && condition.status !== "True")
        .map(({ type, reason, message }) => `${metadata.name}: ${type} ${reason} ${message}`);
    });
  return lines.join("\n");
}
