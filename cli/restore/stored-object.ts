import type { StoredBackup } from "#cli/backup/files.ts";
import { shownName } from "#cli/backup/named-objects.ts";
import type { KubeObject, ObjectName, ResourceType } from "#platform/kube/resource.ts";

/** An object of a backup, as it was when it was backed up. */
export interface StoredObject {
  readonly type: ResourceType;
  readonly object: KubeObject;
}

/** Everything of a backup that a restore creates. What one object is in two files, it is once. */
export function restorable({ files }: StoredBackup): StoredObject[] {
  const found = new Map<string, StoredObject>();
  for (const { type, objects, restore } of files)
    for (const object of restore ? objects : []) found.set(object.metadata.uid, { type, object });
  return [...found.values()];
}

export function nameOf({ object: { metadata } }: StoredObject): ObjectName {
  return { namespace: metadata.namespace, name: metadata.name };
}

/** For people. */
export function shown({ type, object }: StoredObject): string {
  return shownName(type, object);
}
