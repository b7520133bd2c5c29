import { expect } from "vitest";
import * as z from "zod";
import { findBinary } from "#platform/control-plane/assets.ts";
import { servedAt } from "#platform/control-plane/cluster-api-core.ts";
import { startClusterApiManager } from "#platform/control-plane/cluster-api-manager.ts";
import type { ControlPlane } from "#platform/control-plane/control-plane.ts";
import { installManifests, resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import { clusterApiManifests } from "#platform/control-plane/third-party-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import { clusters, machineDeployments } from "#platform/kube/resources.ts";
import { sleep } from "#platform/process/clock.ts";
import { testHost } from "#test/support/control-planes.ts";

/** Runs Cluster API core with its webhooks and ClusterClasses. What is installed of it already is brought in line. */
export async function startTopologyController(plane: ControlPlane, client: KubeClient): Promise<void> {
  const host = testHost();
  const manifests = await clusterApiManifests(host);
  const caBundle = Buffer.from(plane.caPem).toString("base64");
  await startClusterApiManager(host, plane, {
    title: "Cluster API core",
    name: "cluster-api-core",
    command: await findBinary(host, "cluster-api-core"),
    user: "simulator",
    flags: ["--feature-gates=ClusterTopology=true"],
    prepare: (url) =>
      installManifests(
        client,
        manifests.map((manifest) => servedAt(manifest, { url, caBundle })),
        host.clock,
      ),
  });
}

const statusSchema = z.looseObject({
  conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
});

/** Waits until core has taken in the variables of the ClusterClass: a Cluster made before is not checked against them. */
export async function untilReady(client: KubeClient, namespace: string): Promise<void> {
  const { clock } = testHost();
  for (const deadline = clock.monotonic() + 60_000; clock.monotonic() < deadline; await sleep(clock, 250)) {
    const object = await client.get(clusterClasses, { namespace, name: "harvester-rke2" });
    const { conditions } = statusSchema.parse(object?.["status"] ?? {});
    if (conditions.some(({ type, status }) => type === "VariablesReady" && status === "True")) return;
  }
  throw new Error("the ClusterClass has not become ready within 60 s");
}

/** Kind of the class. */
export const clusterClasses: ResourceType = {
  group: "cluster.x-k8s.io",
  version: "v1beta2",
  kind: "ClusterClass",
  plural: "clusterclasses",
  namespaced: true,
};

/** What the topology controller has made for a Cluster: specs of the objects its machines are made from, and of those it consists of. */
export interface Rendered {
  readonly cluster: Spec;
  readonly controlPlane: Spec;
  readonly controlPlaneMachine: Spec;
  readonly worker: Spec;
  readonly workerMachine: Spec;
}

export type Spec = Readonly<Record<string, unknown>>;

interface Reference {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

const VERSIONS: Readonly<Record<string, string>> = {
  "infrastructure.cluster.x-k8s.io": "v1beta1",
  "controlplane.cluster.x-k8s.io": "v1beta2",
  "bootstrap.cluster.x-k8s.io": "v1beta2",
};

/** Waits until everything of the Cluster is there. */
export async function rendered(client: KubeClient, namespace: string, name: string): Promise<Rendered> {
  const found = async (): Promise<KubeObject | undefined> => {
    for await (const object of client.list(machineDeployments, { namespace }))
      if (object.metadata.labels?.["cluster.x-k8s.io/cluster-name"] === name) return object;
    return undefined;
  };
  await expect.poll(found, { timeout: 100_000, interval: 250 }).toBeDefined();
  const deployment = await found();
  const cluster = await client.get(clusters, { namespace, name });
  const { controlPlaneRef, infrastructureRef } = specOf(cluster) as Record<string, Reference>;
  const { template } = specOf(deployment) as {
    template: { spec: { bootstrap: { configRef: Reference }; infrastructureRef: Reference } };
  };
  const read = async (reference: Reference | undefined): Promise<KubeObject> => {
    if (reference === undefined) throw new Error(`Cluster ${name} refers to nothing`);
    const object = await client.get(typeOf(reference), { namespace, name: reference.name });
    if (object === undefined) throw new Error(`${reference.kind} ${reference.name} is not there`);
    return object;
  };
  const controlPlane = specOf(await read(controlPlaneRef));
  const { machineTemplate } = controlPlane as { machineTemplate: { spec: { infrastructureRef: Reference } } };
  return {
    cluster: specOf(await read(infrastructureRef)),
    controlPlane,
    controlPlaneMachine: inTemplate(await read(machineTemplate.spec.infrastructureRef)),
    worker: inTemplate(await read(template.spec.bootstrap.configRef)),
    workerMachine: inTemplate(await read(template.spec.infrastructureRef)),
  };
}

function typeOf({ apiGroup, kind }: Reference): ResourceType {
  const object: NewObject = {
    apiVersion: `${apiGroup}/${VERSIONS[apiGroup]}`,
    kind,
    metadata: { name: "any", namespace: "any" },
  };
  return resourceTypeOf(object);
}

function specOf(object: KubeObject | undefined): Spec {
  return (object?.["spec"] ?? {}) as Spec;
}

function inTemplate(object: KubeObject): Spec {
  return (specOf(object)["template"] as { spec: Spec }).spec;
}
