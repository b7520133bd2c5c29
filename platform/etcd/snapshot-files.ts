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

/** Removes all but the newest `keep` snapshots, and what earlier attempts left unfinished. Other files are not touched. */
export async function pruneSnapshots(directory: string, keep: number): Promise<readonly string[]> {
  const found = await readdir(directory);
  const whole = found.filter((name) => NAME.test(name)).toSorted((a, b) => (a < b ? 1 : -1));
  const unfinished = found.filter(
    (name) => name.endsWith(UNFINISHED) && NAME.test(name.slice(0, -UNFINISHED.length)),
  );
  const removed = [...whole.slice(keep), ...unfinished];
  await Promise.all(removed.map((name) => rm(join(directory, name), { force: true })));
  return removed;
}
