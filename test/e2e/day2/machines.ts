import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { CLUSTER, NAMESPACE } from "#cli/demo/stage.ts";
import type { Lab } from "#cli/lab/lab.ts";
import { apiVersionOf, type NewObject, type ResourceType } from "#platform/kube/resource.ts";
import { harvesterMachines, machines, virtualMachineInstances } from "#platform/kube/resources.ts";
import { systemClock } from "#platform/process/clock.ts";
import { all } from "#test/e2e/day2/objects.ts";
import { until } from "#test/e2e/until.ts";
import { objectsIn, repository } from "#test/support/documentation.ts";

/** Where the objects are. */
interface OnStage {
  readonly lab: Lab;
}

/** The control plane of cluster demo, a machine by itself. */
export const CONTROL_PLANE = "demo-cp-0";

const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
  message: z.string().default(""),
});

type Condition = z.infer<typeof conditionSchema>;

const machineSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  status: z
    .looseObject({
      nodeRef: z.looseObject({ name: z.string() }).optional(),
      conditions: z.array(conditionSchema).default([]),
    })
    .prefault({}),
});

/** A Machine that has joined. */
export interface Joined {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly conditions: readonly Condition[];
}

/** The Machines of cluster demo that have joined, by name. */
export async function joined({ lab }: OnStage): Promise<Joined[]> {
  const found = (await all(lab.client.management, machines)).map((each) => machineSchema.parse(each));
  return found
    .filter(({ metadata }) => metadata.labels["cluster.x-k8s.io/cluster-name"] === CLUSTER)
    .flatMap(({ metadata: { name, uid }, status: { nodeRef, conditions } }) =>
      nodeRef === undefined ? [] : [{ name, uid, node: nodeRef.name, conditions }],
    )
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Those of them that are workers. */
export async function workers(stage: OnStage): Promise<Joined[]> {
  return (await joined(stage)).filter(({ name }) => name !== CONTROL_PLANE);
}

/** uid of the VM's instance that runs now. */
export async function instanceOf({ lab }: OnStage, name: string): Promise<string | undefined> {
  const found = await lab.client.harvester.get(virtualMachineInstances, { namespace: NAMESPACE, name });
  return found?.metadata.uid;
}

/** Conditions of an object of Cluster API's or ours, by type. */
export async function conditionsOf(
  { lab }: OnStage,
  type: ResourceType,
  name: string,
): Promise<Readonly<Record<string, Condition>>> {
  const found = await lab.client.management.get(type, { namespace: NAMESPACE, name });
  if (found === undefined) return {};
  return Object.fromEntries(machineSchema.parse(found).status.conditions.map((each) => [each.type, each]));
}

/** Resolves when as many machines have joined cluster demo. */
export async function untilJoined(stage: OnStage, count: number, withinMs?: number): Promise<void> {
  const clock = systemClock();
  let nudgedAt = clock.monotonic();
  const look = async (): Promise<boolean> => {
    if ((await joined(stage)).length === count) return true;
    if (clock.monotonic() - nudgedAt > NUDGE_MS) {
      await nudge(stage);
      nudgedAt = clock.monotonic();
    }
    return false;
  };
  await until(`${count} machines have joined`, look, withinMs, () => trouble(stage));
}

const NUDGE_MS = 10_000;

/** Cluster API core may miss that a Node has got its providerID; then it looks again after ten minutes, or when the Machine changes. */
async function nudge({ lab }: OnStage): Promise<void> {
  const { management } = lab.client;
  for (const each of await all(management, machines)) {
    if (machineSchema.parse(each).status.nodeRef !== undefined) continue;
    const annotations = { "e2e.example.com/nudged": String(systemClock().now()) };
    await management.mergePatch(machines, each.metadata, { metadata: { annotations } });
  }
}

/** What conditions say is not as it should be, of all machines. */
async function trouble({ lab }: OnStage): Promise<string> {
  const { management } = lab.client;
  const found = [...(await all(management, harvesterMachines)), ...(await all(management, machines))];
  const lines = found.flatMap((each) => {
    const { metadata, status } = machineSchema.parse(each);
    return status.conditions
      .filter((condition) => condition.status !== "True")
      .map(({ type, reason, message }) => `${each.kind} ${metadata.name}: ${type} ${reason} ${message}`);
  });
  return lines.join("\n");
}

/** A Machine of nobody's, and its HarvesterMachine as the workers of the examples have it. */
export function machineManifests(
  name: string,
  options: {
    readonly cluster?: string;
    readonly labels?: Record<string, string>;
    readonly infrastructureAnnotations?: Record<string, string>;
  } = {},
): NewObject[] {
  const { cluster = CLUSTER, labels = {}, infrastructureAnnotations: annotations = {} } = options;
  const metadata = {
    name,
    namespace: NAMESPACE,
    labels: { "cluster.x-k8s.io/cluster-name": cluster, ...labels },
  };
  const workersFile = readFileSync(join(repository, "docs", "examples", "workers.yaml"), "utf8");
  const template = objectsIn(workersFile).find(({ kind }) => kind === "HarvesterMachineTemplate");
  const { spec } = z
    .looseObject({ template: z.looseObject({ spec: z.looseObject({}) }) })
    .parse(template?.["spec"]).template;
  const { group: apiGroup, kind } = harvesterMachines;
  return [
    { apiVersion: apiVersionOf(harvesterMachines), kind, metadata: { ...metadata, annotations }, spec },
    {
      apiVersion: apiVersionOf(machines),
      kind: machines.kind,
      metadata,
      spec: {
        clusterName: cluster,
        bootstrap: { dataSecretName: "demo-workers-bootstrap" },
        infrastructureRef: { apiGroup, kind, name },
      },
    },
  ];
}

/** A Cluster with its HarvesterCluster; VMs get their addresses from the pool, or from DHCP without one. */
export function clusterManifests(name: string, pool?: string): NewObject[] {
  const metadata = { name, namespace: NAMESPACE };
  const apiGroup = harvesterMachines.group;
  const kind = "HarvesterCluster";
  const network = { ipPoolRef: pool, gateway: "10.51.0.1", subnetMask: "255.255.255.0" };
  return [
    {
      apiVersion: apiVersionOf(machines),
      kind: "Cluster",
      metadata,
      spec: { infrastructureRef: { apiGroup, kind, name } },
    },
    {
      apiVersion: apiVersionOf(harvesterMachines),
      kind,
      metadata,
      spec: {
        identitySecret: { namespace: NAMESPACE, name: "harvester-identity" },
        targetNamespace: NAMESPACE,
        controlPlaneEndpoint: { host: "10.51.0.5", port: 6443 },
        loadBalancerConfig: { ipamType: "dhcp" },
        ...(pool === undefined ? {} : { vmNetworkConfig: network }),
      },
    },
  ];
}
