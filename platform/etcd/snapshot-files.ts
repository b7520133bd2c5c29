import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** A snapshot that is being written carries this ending until it is whole. */
const UNFINISHED = ".part";
/** `20261121T172900Z-r4711.db`: sorts by time. */
const NAME = /^\d{8}T\d{6}Z-r\d+\.db$/;

export interface SnapshotPlace {
  /** Directory of this cluster's snapshots; made when it is missing. */
  readonly directory: string;
  readonly takenAt: Date;
  /** Revision of the store, decimal. */
  readonly revision: string;
}

interface SnapshotOwner {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
}

/**
 * Folder of one cluster's snapshots below the place for all: a cluster that is made anew under its name must not clear away what is left of the
 * lost one.
 */
export function folderOf({ namespace = "", name, uid }: SnapshotOwner): string {
  return join(namespace, `${name}-${uid}`);
}

/** Name of the file a snapshot is kept in. */
export function snapshotName({ takenAt, revision }: Omit<SnapshotPlace, "directory">): string {
  const time = takenAt.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  return `${time}-r${revision}.db`;
}

/**
 * Writes a snapshot and resolves with its name once it is on the disk whole. Readable by nobody else: it holds every Secret of the cluster. An
 * unfinished file is removed when the chunks end with an error.
 *
 * @throws what the chunks throw, and errors of the file system.
 */
export async function writeSnapshot(chunks: AsyncIterable<Buffer>, place: SnapshotPlace): Promise<string> {
  const { directory } = place;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const name = snapshotName(place);
  const unfinished = join(directory, name + UNFINISHED);
  try {
    await using file = await open(unfinished, "w", 0o600);
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rename(unfinished, join(directory, name));
  await using entries = await open(directory, "r");
  await entries.sync();
  return name;
}

/**
 * Removes all but `keep` snapshots, and what earlier attempts left unfinished. The one just `written` is kept first, whatever its name says: the
 * clock may have been set back. Then the newest are. Other files are not touched.
 */
export async function pruneSnapshots(
  directory: string,
  { keep, written }: { readonly keep: number; readonly written: string },
): Promise<readonly string[]> {
  const found = await readdir(directory);
  const unfinished = found.filter(
    (name) => name.endsWith(UNFINISHED) && NAME.test(name.slice(0, -UNFINISHED.length)),
  );
  const removed = [...outdated(found, { keep, written }), ...unfinished];
  await Promise.all(removed.map((name) => rm(join(directory, name), { force: true })));
  return removed;
}

/** Which of these names are snapshots beyond the newest `keep`, the one just `written` counted as the newest. */
export function outdated(
  names: readonly string[],
  { keep, written }: { readonly keep: number; readonly written: string },
): readonly string[] {
  return names
    .filter((name) => NAME.test(name) && name !== written)
    .toSorted((a, b) => (a < b ? 1 : -1))
    .slice(keep - 1);
}
