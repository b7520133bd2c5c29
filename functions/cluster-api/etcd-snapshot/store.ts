import { join } from "node:path";
import type { Deps } from "#functions/contract/deps.ts";
import type { Cluster } from "#platform/cluster-api/cluster.ts";
import {
  folderOf,
  outdated,
  pruneSnapshots,
  snapshotName,
  writeSnapshot,
} from "#platform/etcd/snapshot-files.ts";
import type { SnapshotPlace, SnapshotStore } from "#platform/etcd/snapshot-store.ts";
import { secrets } from "#platform/kube/resources.ts";
import type { Seen } from "#platform/kube/view.ts";
import { readBucketCredentials } from "#platform/object-store/credentials.ts";

/** Opens the Cluster's snapshots at the place there is for all; text for people when it cannot be used as it is. */
export async function openStore(
  place: SnapshotPlace,
  { meta }: Seen<Cluster>,
  deps: Pick<Deps, "management" | "signal">,
): Promise<SnapshotStore | string> {
  const folder = folderOf(meta);
  return place.kind === "directory"
    ? directoryStore(join(place.path, folder))
    : bucketStore(place, folder, deps);
}

function directoryStore(directory: string): SnapshotStore {
  return {
    write: (chunks, taken) => writeSnapshot(chunks, { directory, ...taken }),
    prune: async (options) => void (await pruneSnapshots(directory, options)),
    close: () => undefined,
  };
}

/**
 * The credentials are read for every snapshot, so new ones count from the next on. They belong in capfn's own namespace: whoever has them
 * can read the snapshots of all clusters, which who may read the Secrets of one cluster's namespace must not.
 */
async function bucketStore(
  { address }: Extract<SnapshotPlace, { kind: "bucket" }>,
  folder: string,
  { management, signal }: Pick<Deps, "management" | "signal">,
): Promise<SnapshotStore | string> {
  const secret = await management.get(secrets, address.secret);
  if (secret === undefined) {
    return `Secret ${address.secret.namespace}/${address.secret.name} with the credentials of the object store does not exist`;
  }
  const credentials = readBucketCredentials(secret);
  if (typeof credentials === "string") return credentials;
  // Only here: it brings along the store's client, a megabyte that an idle hub does without.
  const { openBucketFolder } = await import("#platform/object-store/bucket-folder.ts");
  const bucket = openBucketFolder({ address, credentials, folder, signal });
  return {
    write: async (chunks, taken) => {
      const name = snapshotName(taken);
      await bucket.put(name, chunks);
      return name;
    },
    prune: async (options) => {
      for (const name of outdated(await bucket.names(), options)) await bucket.remove(name);
    },
    close: () => bucket.close(),
  };
}
