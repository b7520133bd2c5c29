import type * as z from "zod";
import type { KubeClient } from "#platform/kube/client.ts";
import { isOlder } from "#platform/kube/resource-version.ts";
import type { KubeObject, ObjectMeta, ResourceType } from "#platform/kube/resource.ts";

/** The objects of one resource as they are now, kept up to date by a watch. Keys are `<namespace>/<name>` or `<name>`. */
export interface ObjectStore<T> {
  get(key: string): T | undefined;
  values(): Iterable<T>;
  /** Takes over the answer to our own write, so that the next look does not lag behind it. */
  put(object: KubeObject): void;
  /** `before` and `now` are the object's states; undefined where it does not exist. */
  onChange(listener: (key: string, now: T | undefined, before: T | undefined) => void): void;
  /** Resolves when the first list is complete. */
  readonly synced: Promise<void>;
}

/** Whether an object is ours to look at. */
export type Scope = (name: { readonly namespace?: string | undefined; readonly name: string }) => boolean;

export interface ObjectStoreOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly signal: AbortSignal;
  /** Objects outside are as if they did not exist; all are inside when absent. */
  readonly scope?: Scope | undefined;
  /** Told of an object that does not fit the schema; it is treated as absent. */
  readonly onUnreadable: (what: string) => void;
}

/** The key of an object or name. */
export function keyOf({ namespace, name }: { namespace?: string | undefined; name: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The name a key stands for. */
export function nameOf(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf("/");
  return { namespace: slash < 0 ? undefined : key.slice(0, slash), name: key.slice(slash + 1) };
}

const REMEMBERED_DELETIONS = 5_000;

/** Watches all objects of a type until the signal aborts. */
export function watchObjects<T extends { readonly metadata: ObjectMeta }>(
  client: KubeClient,
  type: ResourceType,
  options: ObjectStoreOptions<T>,
): ObjectStore<T> {
  const objects = new Map<string, T>();
  const listeners: ((key: string, now: T | undefined, before: T | undefined) => void)[] = [];
  // An answer to a write may arrive after the watch has told of the deletion that the write caused.
  const deleted = new Set<string>();
  const { promise: synced, resolve: setSynced } = Promise.withResolvers<void>();

  const set = (key: string, now: T | undefined): void => {
    const before = objects.get(key);
    if (now === undefined) objects.delete(key);
    else objects.set(key, now);
    for (const listener of listeners) listener(key, now, before);
  };
  const bury = (uid: string): void => {
    deleted.add(uid);
    if (deleted.size > REMEMBERED_DELETIONS) {
      for (const oldest of deleted) {
        deleted.delete(oldest);
        break;
      }
    }
  };
  const take = (object: KubeObject): void => {
    if (options.scope?.(object.metadata) === false) return;
    const key = keyOf(object.metadata);
    const known = objects.get(key);
    if (deleted.has(object.metadata.uid) || (known !== undefined && !isNewer(object, known.metadata))) return;
    const parsed = options.schema.safeParse(object);
    if (!parsed.success) options.onUnreadable(`${type.kind} ${key}: ${parsed.error.message}`);
    set(key, parsed.data);
  };

  const follow = async (): Promise<void> => {
    let unseen: Set<string> | undefined;
    for await (const event of client.watch(type, { signal: options.signal })) {
      switch (event.type) {
        case "relist":
          unseen = new Set(objects.keys());
          break;
        case "added":
        case "modified":
          unseen?.delete(keyOf(event.object.metadata));
          take(event.object);
          break;
        case "deleted": {
          bury(event.object.metadata.uid);
          const key = keyOf(event.object.metadata);
          if (objects.get(key)?.metadata.uid === event.object.metadata.uid) set(key, undefined);
          break;
        }
        case "synced":
          for (const key of unseen ?? []) set(key, undefined);
          unseen = undefined;
          setSynced();
          break;
        case "bookmark":
        case "disrupted":
          break;
      }
    }
  };
  // The watch ends by itself only when the signal aborts, also with an exception then.
  void follow().catch((error: unknown) => {
    if (!options.signal.aborted) options.onUnreadable(`watch of ${type.plural} ended: ${String(error)}`);
  });

  return {
    get: (key) => objects.get(key),
    values: () => objects.values(),
    put: take,
    onChange: (listener) => void listeners.push(listener),
    synced,
  };
}

function isNewer(object: KubeObject, known: ObjectMeta): boolean {
  const { uid, resourceVersion } = object.metadata;
  return uid !== known.uid || isOlder(known.resourceVersion, resourceVersion);
}
