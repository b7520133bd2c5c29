import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import * as z from "zod";
import type { BackupFile } from "#cli/backup/collect.ts";
import { MANIFEST_FILE, manifestSchema, type BackupManifest } from "#cli/backup/manifest.ts";
import { kubeObjectSchema, type KubeObject } from "#platform/kube/resource.ts";

/** Only whoever made the backup may read it: it holds the keys of everything. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const listSchema = z.looseObject({ items: z.array(kubeObjectSchema) });

/** `capfn-backup-YYYYMMDD-HHMMSS`, in UTC. */
export function defaultDirectory(now: number): string {
  const [date = "", time = ""] = new Date(now).toISOString().split(/[T.]/);
  return `capfn-backup-${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}

/** Makes the directory; refuses one that holds a backup already, which would be mixed with this one. */
export async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const old = await readFile(join(directory, MANIFEST_FILE), "utf8").catch(() => undefined);
  if (old !== undefined)
    throw new Error(`--output-dir ${directory} holds a backup already; name another directory`);
}

/** One file of objects, as `kubectl apply` would take it too. */
export async function writeObjects(directory: string, { file, objects }: BackupFile): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await writeText(directory, file, stringify(list, { aliasDuplicateObjects: false }));
}

/** Written last: a directory without it is no complete backup. */
export function writeManifest(directory: string, manifest: BackupManifest): Promise<void> {
  return writeText(directory, MANIFEST_FILE, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

export function writeText(directory: string, file: string, text: string): Promise<void> {
  return writeFile(join(directory, file), text, { mode: FILE_MODE });
}

/** A backup as it was written. */
export interface StoredBackup {
  readonly manifest: BackupManifest;
  readonly files: readonly BackupFile[];
}

/** Reads a backup. Throws with the file and the mend when it is none, is not complete, or was changed by hand into something else. */
export async function readBackup(directory: string): Promise<StoredBackup> {
  const text = await readFile(join(directory, MANIFEST_FILE), "utf8").catch(() => undefined);
  if (text === undefined)
    throw new Error(
      `${directory} has no ${MANIFEST_FILE}: it is no backup of capfn, or one that was interrupted`,
    );
  const manifest = manifestSchema.safeParse(parse(text)).data;
  if (manifest === undefined)
    throw new Error(
      `${directory}/${MANIFEST_FILE} is not as this version of capfn writes it; use the version that made it`,
    );
  const files: BackupFile[] = [];
  for (const { file, type, count, restore } of manifest.files) {
    const content = await readFile(join(directory, file), "utf8");
    const read = listSchema.safeParse(parse(content)).data;
    if (read === undefined) throw new Error(`${directory}/${file} is no list of Kubernetes objects`);
    if (read.items.length !== count)
      throw new Error(
        `${directory}/${file} has ${read.items.length} objects, ${MANIFEST_FILE} says ${count}; one of them was changed`,
      );
    const objects: readonly KubeObject[] = read.items;
    files.push({ file, type, objects, restore });
  }
  return { manifest, files };
}
