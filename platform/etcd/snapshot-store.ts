import type { BucketAddress } from "#platform/object-store/address.ts";

/** Where snapshots are kept, as the command line says it: apart from the clusters they are of. */
export type SnapshotPlace =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "bucket"; readonly address: BucketAddress };

/** The snapshots of one cluster. */
export interface SnapshotStore {
  /**
   * Keeps a snapshot and resolves with its name once it is there whole. When the chunks end with an error nothing is left.
   *
   * @throws what the chunks throw, `StoreError`, and errors of the file system.
   */
  write(
    chunks: AsyncIterable<Buffer>,
    taken: { readonly takenAt: Date; readonly revision: string },
  ): Promise<string>;
  /** Removes all but `keep` of this cluster's snapshots; the one just `written` always stays. Nothing else is touched. */
  prune(options: { readonly keep: number; readonly written: string }): Promise<void>;
  close(): void;
}
