import { typeOf, type Definition } from "#cli/contract-check/definitions.ts";
import type { ExerciseManifests } from "#cli/contract-check/exercise/manifests.ts";
import type { Stage } from "#cli/contract-check/exercise/stage.ts";
import { fieldAt } from "#cli/contract-check/schema-path.ts";
import { apiVersionOf, type KubeObject, type ResourceType } from "#platform/kube/resource.ts";
import { clusters, machines } from "#platform/kube/resources.ts";

/** An object made to see what the provider does about it. */
export interface Actor {
  readonly type: ResourceType;
  readonly made: KubeObject;
}

/** The objects of the exercise, made. */
export interface Cast {
  /** In a paused Cluster. */
  readonly paused: readonly Actor[];
  /** Owned by nobody. */
  readonly ownerless: readonly Actor[];
  /** Provided by another system, which has filled in endpoint and `provisioned`. */
  readonly managed: Actor;
  /** In a paused Cluster, held by the provider's finalizer, deleted as `clusterctl move` does; undefined when the finalizer is not known. */
  readonly moved: Actor | undefined;
}

export interface Kinds {
  readonly cluster: Definition;
  readonly machine: Definition;
}

const labels = { "cluster.x-k8s.io/cluster-name": "paused" };
const ENDPOINT = { host: "192.0.2.1", port: 6443 };

/** Makes everything. What must be left alone comes first, so that it has been seen when the provider says of the others that they are paused. */
export async function makeCast(stage: Stage, kinds: Kinds, manifests: ExerciseManifests): Promise<Cast> {
  const clusterType = typeOf(kinds.cluster);
  const machineType = typeOf(kinds.machine);
  const { finalizers } = manifests.machine.metadata;
  const machineSpec = manifests.machine.spec;
  const ownerless = [
    await actor(stage, clusterType, "ownerless", { spec: manifests.cluster.spec }),
    await actor(stage, machineType, "ownerless", { spec: machineSpec }),
  ];
  const managed = await managedElsewhere(stage, kinds, manifests);
  const cluster = await makeCluster(stage, clusterType, "paused", true);
  const inCluster = async (name: string, metadata: Readonly<Record<string, unknown>>): Promise<Actor> => {
    const machine = await stage.make(machines, name, {
      metadata: { labels },
      spec: {
        clusterName: "paused",
        bootstrap: { dataSecretName: "none" },
        infrastructureRef: { apiGroup: machineType.group, kind: machineType.kind, name },
      },
    });
    const more = { ...metadata, labels, ownerReferences: [ownerReference(machine)] };
    return actor(stage, machineType, name, { metadata: more, spec: machineSpec });
  };
  const moved =
    finalizers.length === 0
      ? undefined
      : await inCluster("moved", {
          finalizers,
          annotations: { "clusterctl.cluster.x-k8s.io/delete-for-move": "" },
        });
  if (moved !== undefined) {
    const { name, uid, namespace } = moved.made.metadata;
    await stage.client.delete(machineType, { namespace, name }, { uid });
  }
  const paused = [
    await actor(stage, clusterType, "paused", {
      metadata: { labels, ownerReferences: [ownerReference(cluster)] },
      spec: manifests.cluster.spec,
    }),
    await inCluster("paused", {}),
  ];
  return { paused, ownerless, managed, moved };
}

async function managedElsewhere(stage: Stage, { cluster }: Kinds, manifests: ExerciseManifests) {
  const type = typeOf(cluster);
  const owner = await makeCluster(stage, type, "managed", false);
  const schema = cluster.contract?.version.schema;
  const takesEndpoint = fieldAt(schema, "spec.controlPlaneEndpoint") !== undefined;
  const managed = await actor(stage, type, "managed", {
    metadata: {
      labels: { "cluster.x-k8s.io/cluster-name": "managed" },
      annotations: { "cluster.x-k8s.io/managed-by": "contract-check" },
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...manifests.cluster.spec, ...(takesEndpoint && { controlPlaneEndpoint: ENDPOINT }) },
  });
  const status =
    cluster.contract?.name === "v1beta1" ? { ready: true } : { initialization: { provisioned: true } };
  const { namespace, name } = managed.made.metadata;
  await stage.client.mergePatch(type, { namespace, name }, { status }, { subresource: "status" });
  return managed;
}

function makeCluster(stage: Stage, type: ResourceType, name: string, paused: boolean): Promise<KubeObject> {
  const infrastructureRef = { apiGroup: type.group, kind: type.kind, name };
  return stage.make(clusters, name, { spec: { ...(paused && { paused }), infrastructureRef } });
}

async function actor(
  stage: Stage,
  type: ResourceType,
  name: string,
  content: { readonly metadata?: Readonly<Record<string, unknown>>; readonly spec: unknown },
): Promise<Actor> {
  return { type, made: await stage.make(type, name, content) };
}

function ownerReference({ kind, metadata }: KubeObject) {
  const type = kind === clusters.kind ? clusters : machines;
  const { name, uid } = metadata;
  return { apiVersion: apiVersionOf(type), kind, name, uid, controller: true, blockOwnerDeletion: true };
}
