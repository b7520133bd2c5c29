import * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject, ResourceType } from "#platform/kube/resource.ts";
import { customResourceDefinitions } from "#platform/kube/resources.ts";
import { type Clock, sleep } from "#platform/process/clock.ts";

/** Field manager of what is installed from manifests. */
const FIELD_MANAGER = "capfn-install";

/** Manifests sent at a time: more does not make one API server faster. */
const PARALLEL = 8;

const POLL_MS = 50;

const establishedSchema = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish() })
    .optional(),
});

/**
 * Installs manifests: CustomResourceDefinitions first, and what may be of their kinds only when they are established. What exists
 * is brought in line by server-side apply. Throws KubeError for the first manifest that is refused.
 */
export async function installManifests(
  client: KubeClient,
  manifests: readonly NewObject[],
  clock: Clock,
): Promise<void> {
  const isCrd = (manifest: NewObject): boolean => manifest.kind === customResourceDefinitions.kind;
  const crds = manifests.filter(isCrd);
  await inParallel(crds, (crd) => install(client, crd));
  for (const crd of crds) await untilEstablished(client, crd.metadata.name, clock);
  const others = manifests.filter((manifest) => !isCrd(manifest));
  const isNamespace = (manifest: NewObject): boolean => manifest.kind === "Namespace";
  await inParallel(others.filter(isNamespace), (manifest) => install(client, manifest));
  await inParallel(
    others.filter((manifest) => !isNamespace(manifest)),
    (manifest) => install(client, manifest),
  );
}

/**
 * Where a manifest is served, guessed as Kubernetes itself does where it has to (`UnsafeGuessKindToResource`): true for every
 * built-in kind, and for custom ones whose plural is regular. With a namespace it is namespaced, without it is not.
 */
export function resourceTypeOf(manifest: NewObject): ResourceType {
  const slash = manifest.apiVersion.indexOf("/");
  const singular = manifest.kind.toLowerCase();
  const plural = singular.endsWith("s")
    ? `${singular}es`
    : singular.endsWith("y")
      ? `${singular.slice(0, -1)}ies`
      : `${singular}s`;
  return {
    group: slash < 0 ? "" : manifest.apiVersion.slice(0, slash),
    version: manifest.apiVersion.slice(slash + 1),
    kind: manifest.kind,
    plural,
    namespaced: manifest.metadata.namespace !== undefined,
  };
}

async function install(client: KubeClient, manifest: NewObject): Promise<void> {
  const type = resourceTypeOf(manifest);
  try {
    // A create is several times cheaper than an apply for a definition of 100 KB, and nearly always enough.
    await client.create(type, manifest);
  } catch (error) {
    if (!isKubeError(error, "alreadyExists")) throw error;
    await client.apply(type, manifest, { fieldManager: FIELD_MANAGER, force: true });
  }
}

async function untilEstablished(client: KubeClient, name: string, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + 60_000;
  while (true) {
    const crd = await client.get(customResourceDefinitions, { name });
    const conditions = establishedSchema.parse(crd ?? {}).status?.conditions ?? [];
    if (conditions.some((condition) => condition.type === "Established" && condition.status === "True"))
      return;
    if (clock.monotonic() > deadline) {
      const detail = JSON.stringify(conditions);
      throw new Error(`CustomResourceDefinition ${name} was not established within 60 s: ${detail}`);
    }
    await sleep(clock, POLL_MS);
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
