import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject, NewObject, ResourceType } from "#platform/kube/resource.ts";
import { namespaces } from "#platform/kube/resources.ts";

/** A namespace of the exercise's own, with what was made in it. Disposing takes all of it away again. */
export interface Stage extends AsyncDisposable {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Makes an object in the namespace. `over` is laid over its metadata. */
  make(type: ResourceType, name: string, content: Content): Promise<KubeObject>;
}

export interface Content {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec: unknown;
}

/** Who the exercise writes as. */
export const FIELD_MANAGER = "capfn-contract-check";

/** Makes the namespace `<prefix>-<random>`. */
export async function openStage(client: KubeClient, random: () => number): Promise<Stage> {
  const namespace = `contract-check-${Math.floor(random() * 36 ** 8).toString(36)}`;
  const made: { readonly type: ResourceType; readonly object: KubeObject }[] = [];
  const home = await client.create(namespaces, manifest(namespaces, { name: namespace }, {}));
  return {
    client,
    namespace,
    make: async (type, name, { metadata, spec }) => {
      const object = await client.apply(type, manifest(type, { ...metadata, name, namespace }, { spec }), {
        fieldManager: FIELD_MANAGER,
      });
      made.push({ type, object });
      return object;
    },
    [Symbol.asyncDispose]: async () => {
      for (const { type, object } of made.toReversed()) await takeAway(client, type, object);
      await client.delete(namespaces, { name: namespace }, { uid: home.metadata.uid });
    },
  };
}

/** Deletes the object and whatever holds it: nothing outside was made for it. */
async function takeAway(client: KubeClient, type: ResourceType, { metadata }: KubeObject): Promise<void> {
  const { namespace, name, uid } = metadata;
  await client.delete(type, { namespace, name }, { uid });
  try {
    await client.mergePatch(type, { namespace, name }, { metadata: { uid, finalizers: null } });
  } catch (error) {
    // Already gone, or a namesake made meanwhile, which is not ours to touch.
    if (!isKubeError(error, "notFound", "conflict")) throw error;
  }
}

function manifest(
  { group, version, kind }: ResourceType,
  metadata: NewObject["metadata"],
  content: Readonly<Record<string, unknown>>,
): NewObject {
  return { apiVersion: group === "" ? version : `${group}/${version}`, kind, metadata, ...content };
}
