import * as z from "zod";
import { clusterNameLabel } from "#api/names.ts";
import type { StoredBackup } from "#cli/backup/files.ts";
import { isCluster, isPaused } from "#cli/restore/anew.ts";
import { inOrder } from "#cli/restore/order.ts";
import { nameOf, restorable, shown, type StoredObject } from "#cli/restore/stored-object.ts";
import type { KubeReader } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { KubeObject } from "#platform/kube/resource.ts";
import { clusters, namespaces, secrets } from "#platform/kube/resources.ts";

/** An object of the backup, and what the cluster has under its name. */
export interface Planned extends StoredObject {
  readonly existing: KubeObject | undefined;
}

/** What a restore would do here. */
export interface RestorePlan {
  /** In the order they are created. */
  readonly objects: readonly Planned[];
  /** Why nothing may be done, each with the mend. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

type Reader = Pick<KubeReader, "get" | "list">;

/** Compares the backup with the cluster. Writes nothing. */
export async function planRestore(client: Reader, backup: StoredBackup): Promise<RestorePlan> {
  const stored = inOrder(restorable(backup));
  const problems: string[] = [];
  const missing = await kindsNotServed(client, stored);
  if (missing.length > 0)
    problems.push(
      `${missing.join(", ")}: not served here; install Cluster API, the providers and capfn in the versions of the backup first`,
    );
  const objects: Planned[] = [];
  if (missing.length === 0)
    for (const each of stored) objects.push({ ...each, existing: await client.get(each.type, nameOf(each)) });
  const running = await actedUpon(client, objects);
  if (running.length > 0)
    problems.push(
      `controllers act on objects of this backup that are here already: Cluster ${running.join(", ")} is not paused. Nothing is created beside them; if they are the remains of an earlier restore, pause them: kubectl patch cluster <name> -n <namespace> --type merge -p '{"spec":{"paused":true}}'`,
    );
  problems.push(...(await identitiesMissing(client, stored)));
  return { objects, problems, notes: await notesOn(client, backup, objects) };
}

async function kindsNotServed(client: Reader, stored: readonly StoredObject[]): Promise<string[]> {
  const types = new Map(stored.map(({ type }) => [`${type.kind} (${type.group}/${type.version})`, type]));
  const missing: string[] = [];
  for (const [name, type] of types) {
    try {
      // One object is enough to know that the kind is there.
      for await (const _ of client.list(type, { limit: 1 })) break;
    } catch (error) {
      if (!isKubeError(error, "notFound") && !(isKubeError(error) && error.detail === "notServed"))
        throw error;
      missing.push(name);
    }
  }
  return missing;
}

const namingSchema = z.looseObject({
  spec: z
    .looseObject({
      clusterName: z.string().optional(),
      identitySecret: z.looseObject({ namespace: z.string().optional(), name: z.string() }).optional(),
    })
    .optional()
    .catch(undefined),
});

/** Clusters that are not paused, or are not there, while objects that belong to them are. */
async function actedUpon(client: Reader, objects: readonly Planned[]): Promise<string[]> {
  const there = objects.filter(({ type, existing }) => existing !== undefined && type.group !== "");
  const names = new Map(
    there.flatMap((planned) => {
      const name = clusterOf(planned);
      return name === undefined ? [] : [[`${name.namespace}/${name.name}`, name] as const];
    }),
  );
  const running: string[] = [];
  for (const [shownAs, name] of names) {
    const cluster = await client.get(clusters, name);
    if (cluster === undefined || !isPaused({ object: cluster })) running.push(shownAs);
  }
  return running;
}

/** The Cluster an object belongs to, or is. */
function clusterOf({ type, object }: StoredObject): { namespace: string; name: string } | undefined {
  const { namespace = "", name, labels = {} } = object.metadata;
  const owner = isCluster(type)
    ? name
    : (namingSchema.parse(object).spec?.clusterName ?? labels[clusterNameLabel]);
  return owner === undefined ? undefined : { namespace, name: owner };
}

/** Kinds that reach their Harvester with an identity Secret. */
const reaching = new Set(["HarvesterCluster", "HarvesterIPPool"]);

/** Without its identity Secret a cluster would be looked after by nobody, once it is let go, and a pool would serve no claim. */
async function identitiesMissing(client: Reader, stored: readonly StoredObject[]): Promise<string[]> {
  const inBackup = new Set(
    stored
      .filter(({ type }) => type.kind === "Secret")
      .map(({ object: { metadata } }) => `${metadata.namespace ?? ""}/${metadata.name}`),
  );
  const problems = new Set<string>();
  for (const each of stored) {
    const identity = namingSchema.parse(each.object).spec?.identitySecret;
    if (identity === undefined || !reaching.has(each.type.kind)) continue;
    // A HarvesterIPPool names a Secret of its own namespace.
    const at = { namespace: identity.namespace ?? each.object.metadata.namespace ?? "", name: identity.name };
    const name = `${at.namespace}/${at.name}`;
    if (!inBackup.has(name) && (await client.get(secrets, at)) === undefined)
      problems.add(`identity Secret ${name} is neither in the backup nor here; create it first`);
  }
  return [...problems];
}

async function notesOn(
  client: Reader,
  { manifest }: StoredBackup,
  objects: readonly Planned[],
): Promise<string[]> {
  const here = await client.get(namespaces, { name: "kube-system" });
  const existing = objects.filter(
    (planned) => planned.existing !== undefined && planned.type.kind !== "Namespace",
  );
  return [
    here?.metadata.uid === manifest.cluster
      ? "this is the cluster the backup was taken of"
      : "this is another cluster than the backup was taken of: make sure that no controllers act there any more, for both would act on the same VMs",
    ...(existing.length > 0 ? [`${existing.length} objects are here already and stay as they are`] : []),
    ...(manifest.deleting.length > 0
      ? [
          `was being deleted when the backup was taken, and comes back to life: ${manifest.deleting.join(", ")}; delete it again afterwards`,
        ]
      : []),
    ...(manifest.secrets
      ? []
      : ["the backup has no Secrets; those of clusters must be here before they are let go"]),
    ...manifest.leftOut.map((what) => `not in the backup: ${what}`),
  ];
}

/** Objects of the backup that are not here, for people. */
export function absent(objects: readonly Planned[]): string[] {
  return objects.filter(({ existing }) => existing === undefined).map(shown);
}
