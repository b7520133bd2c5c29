import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { infrastructureGroup, legacyClusterFinalizer, legacyMachineFinalizer } from "#api/names.ts";
import { resourceTypeOf } from "#platform/control-plane/install-manifests.ts";
import type { KubeClient } from "#platform/kube/client.ts";
import { isKubeError } from "#platform/kube/errors.ts";
import type { NewObject } from "#platform/kube/resource.ts";
import { namespaces, secrets } from "#platform/kube/resources.ts";

/**
 * What the Go provider had stored at one moment of its life: all machines serve; a worker is being deleted and its VM stops; one worker boots,
 * one waits at an exhausted IPPool, one has no bootstrap data.
 */
export type Moment = "running" | "worker-deleting" | "worker-waiting";

type Api = "m" | "h" | "w";

/** Where it is loaded, and under which names. */
export interface TakeoverPlace {
  /** Namespace on both sides, name of the cluster, and beginning of every other name. */
  readonly name: string;
  readonly clients: Readonly<Record<Api, KubeClient>>;
  /** Kubeconfigs for the identity Secret and for the workload cluster's Secret. */
  readonly harvester: string;
  readonly workload: string;
  /** Version the infrastructure objects are written in. */
  readonly version?: "v1alpha1" | "v1beta1";
  /** With the finalizers of early releases. */
  readonly legacyFinalizers?: boolean;
}

interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly status?: Record<string, unknown>;
}

/**
 * Loads the objects as the Go provider left them, owners first. API servers give out uids themselves: wherever an object names the uid of
 * another, the new one is put in, also in provider ids. An owner that is not in the data is left out.
 */
export async function loadMoment(moment: Moment, place: TakeoverPlace): Promise<void> {
  const { name, clients } = place;
  for (const client of [clients.m, clients.h]) {
    if ((await client.get(namespaces, { name })) === undefined)
      await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  const uids = new Map<string, string>();
  const text = await readFile(join(import.meta.dirname, "takeover-data", `${moment}.jsonl`), "utf8");
  for (const line of text.trimEnd().split("\n")) await load(line, place, uids);
  await client(place, "m").mergePatch(
    secrets,
    { namespace: name, name: `identity-${name}` },
    { stringData: { kubeconfig: place.harvester } },
  );
  await client(place, "m").mergePatch(
    secrets,
    { namespace: name, name: `${name}-kubeconfig` },
    { stringData: { value: place.workload } },
  );
}

function client({ clients }: TakeoverPlace, api: Api): KubeClient {
  return clients[api];
}

async function load(line: string, place: TakeoverPlace, uids: Map<string, string>): Promise<void> {
  const { api, object } = JSON.parse(inPlace(line, place, uids)) as { api: Api; object: Stored };
  const { metadata, status, ...rest } = object;
  const { uid, deletionTimestamp, ownerReferences = [], ...names } = metadata;
  const known = [...uids.values()];
  const manifest: NewObject = {
    ...rest,
    metadata: { ...names, ownerReferences: ownerReferences.filter((owner) => known.includes(owner.uid)) },
    ...(status !== undefined && { status }),
  };
  const type = { ...resourceTypeOf(manifest), namespaced: names.namespace !== undefined };
  const to = client(place, api);
  const created = await to.create(type, manifest);
  uids.set(uid, created.metadata.uid);
  if (status !== undefined) {
    // Of a kind without the subresource it came with the object.
    await to.mergePatch(type, names, { status }, { subresource: "status" }).catch((error: unknown) => {
      if (!isKubeError(error, "notFound")) throw error;
    });
  }
  if (deletionTimestamp !== undefined) await to.delete(type, names, { uid: created.metadata.uid });
}

/** The line with the names, versions and uids it has here. */
function inPlace(line: string, place: TakeoverPlace, uids: ReadonlyMap<string, string>): string {
  const { name, version = "v1beta1", legacyFinalizers = false } = place;
  let text = line
    // Names of what is shared on a Harvester get the place's name too: several tests use one.
    .replaceAll(/"default\/(?=[a-z])/g, '"demo/')
    .replaceAll('"namespace":"default"', '"namespace":"demo"')
    .replaceAll('\\"default/', '\\"demo/')
    .replaceAll(/\bdemo\b/g, name)
    .replaceAll(`"${infrastructureGroup}/v1beta1"`, `"${infrastructureGroup}/${version}"`);
  if (legacyFinalizers) {
    for (const finalizer of [legacyMachineFinalizer, legacyClusterFinalizer])
      text = text.replaceAll(`"${finalizer}/finalizer"`, `"${finalizer}"`);
  }
  for (const [old, now] of uids) text = text.replaceAll(old, now);
  return text;
}
