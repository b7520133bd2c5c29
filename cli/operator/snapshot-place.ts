import type { SnapshotPlace } from "#platform/etcd/snapshot-store.ts";
import { parseBucketAddress } from "#platform/object-store/address.ts";

/** What `--etcd-snapshots` means: a URL is a bucket, anything else a directory. Throws an Error that names the flag and the mend. */
export function snapshotPlaceOf(text: string | undefined): SnapshotPlace | undefined {
  if (text === undefined) return undefined;
  if (!/^[a-z0-9]+:\/\//.test(text)) return { kind: "directory", path: text };
  try {
    return { kind: "bucket", address: parseBucketAddress(text) };
  } catch (error) {
    throw new Error(`--etcd-snapshots: ${error instanceof Error ? error.message : ""}`, { cause: error });
  }
}
